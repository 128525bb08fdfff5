# SPDX-License-Identifier: MIT
# Regular expressions, hashes, sorting and big strings; prints what came out.
use strict;
use warnings;

sub checksum { return unpack("%32C*", $_[0]) }

my $seed = 4711;
my @numbers = map { $seed = ($seed * 1103515245 + 12345) % 2147483648 } 1 .. 20000;
my @sorted = sort { $a <=> $b } @numbers;
print "sort ", checksum(join(",", @sorted)), "\n";

my $text = join(" ", map { "key$_=value" . ($_ * 7 % 101) . ";" } 1 .. 5000);
my %pairs;
$pairs{$1} = $2 while $text =~ /(key\d+)=value(\d+);/g;
my $sum = 0;
$sum += $pairs{$_} for keys %pairs;
print "regex ", scalar(keys %pairs), " $sum\n";

(my $turned = $text) =~ s/(\w+)=(\w+)/$2=$1/g;
$turned =~ tr/a-z/n-za-m/;
print "replace ", checksum($turned), " ", length($turned), "\n";

my @sieve = (1) x 50001;
for my $i (2 .. 223) {
	next unless $sieve[$i];
	for (my $k = $i * $i; $k <= 50000; $k += $i) { $sieve[$k] = 0 }
}
print "primes ", scalar(grep { $sieve[$_] } 2 .. 50000), "\n";

my $fib = eval q{ my $f; $f = sub { my $n = shift; $n < 2 ? $n : $f->($n - 1) + $f->($n - 2) }; $f->(19) };
print "closures $fib\n";
