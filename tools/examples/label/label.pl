# SPDX-License-Identifier: GPL-2.0-only
# Whose session is standard input? perl label.pl NAME
use strict;
use warnings;
use Errno qw(EDQUOT);

# False: the user has as many sessions as he may, turn the client away.
sub may_stay {
	my ($connection, $name) = @_;
	return setsockopt($connection, 0x6863, 1, $name) || $! != EDQUOT;
}

my $stays = may_stay(\*STDIN, $ARGV[0]);
print $stays ? "welcome\n" : "too many sessions\n";
exit !$stays;
