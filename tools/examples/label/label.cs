// SPDX-License-Identifier: GPL-2.0-only
// Whose session is standard input? .NET 6 or later.
using System;
using System.Net.Sockets;
using System.Text;

static class Label
{
    /// False: the user has as many sessions as he may, turn the client away.
    static bool MayStay(Socket connection, string name)
    {
        try
        {
            connection.SetRawSocketOption(0x6863, 1, Encoding.UTF8.GetBytes(name));
        }
        catch (SocketException error)
        {
            // .NET has no name of its own for EDQUOT, and the others that are possible have one.
            return error.SocketErrorCode != SocketError.SocketError;
        }
        return true;
    }

    static int Main(string[] arguments)
    {
        bool stays = MayStay(new Socket(new SafeSocketHandle((IntPtr)0, false)), arguments[0]);
        Console.WriteLine(stays ? "welcome" : "too many sessions");
        return stays ? 0 : 1;
    }
}
