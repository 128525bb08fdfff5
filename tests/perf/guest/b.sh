# SPDX-License-Identifier: MIT
# 150 times: a dynamic program that lists a directory, and a static one.
i=0
while [ "$i" -lt 150 ]; do
	/bin/ls /etc >/dev/null
	x=$(/bin/busybox expr "$i" + 1)
	i=$x
done
echo "$i"
