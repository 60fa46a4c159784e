// SPDX-License-Identifier: GPL-2.0-only
// Whose session is standard input? node label.js NAME
// Node.js sets no such options: a child labels the socket, which it has as descriptor 3.
'use strict';
const { spawn } = require('child_process');
const net = require('net');

// Promises false if the user has as many sessions as he may: turn the client away.
function mayStay(connection, name) {
  return new Promise((resolve) => {
    const child = spawn('headcount', ['label', '--json', '--fd', '3', '--', name], { stdio: ['ignore', 'pipe', 'inherit', connection] });
    let answer = '';
    child.stdout.on('data', (part) => { answer += part; });
    child.on('error', () => resolve(true)); // it is not installed
    child.on('close', () => resolve(!answer.includes('"over-cap"')));
  });
}

mayStay(new net.Socket({ fd: 0 }), process.argv[2]).then((stays) => {
  console.log(stays ? 'welcome' : 'too many sessions');
  process.exit(stays ? 0 : 1);
});
