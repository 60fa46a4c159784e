<?php
// SPDX-License-Identifier: GPL-2.0-only
// Whose session is standard input? php label.php NAME
// PHP's socket_set_option() sets nothing but numbers: a child labels the socket.

// False: the user has as many sessions as he may, turn the client away.
function may_stay($connection, string $name): bool
{
	$child = proc_open(['headcount', 'label', '--json', '--fd', '0', '--', $name], [0 => $connection, 1 => ['pipe', 'w']], $pipes);
	$answer = $child ? json_decode(stream_get_contents($pipes[1]), true) : null;
	$child && proc_close($child);
	return ($answer['result'] ?? '') !== 'over-cap';
}

$stays = may_stay(STDIN, $argv[1]);
echo $stays ? "welcome\n" : "too many sessions\n";
exit($stays ? 0 : 1);
