// SPDX-License-Identifier: GPL-2.0-only

// Whose session is standard input? go run label.go NAME
package main

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// False: the user has as many sessions as he may, turn the client away.
func mayStay(connection syscall.Conn, name string) bool {
	var err error
	raw, failed := connection.SyscallConn()
	if failed != nil {
		return true
	}
	raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptString(int(fd), 0x6863, 1, name)
	})
	return err != syscall.EDQUOT
}

func main() {
	connection, err := net.FileConn(os.Stdin)
	if err != nil {
		panic(err)
	}
	if !mayStay(connection.(*net.TCPConn), os.Args[1]) {
		fmt.Println("too many sessions")
		os.Exit(1)
	}
	fmt.Println("welcome")
}
