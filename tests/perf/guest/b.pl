# SPDX-License-Identifier: MIT
# A hash, a sort, and a regular expression over a long string.
my (%h, $s, $n);
for my $i (1 .. 250000) {
	my $k = "k" . ($i % 4096);
	$h{$k} += $i;
	$s += length($k);
}
my $t = join(",", map { "$_=$h{$_}" } sort keys %h);
$n++ while $t =~ /k(\d+)=(\d+)/g;
print "$s $n\n";
