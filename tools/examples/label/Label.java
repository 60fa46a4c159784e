// SPDX-License-Identifier: GPL-2.0-only
// Whose session is standard input? With JNA (Debian's libjna-java), since Java sets only options that it knows:
// java --add-exports java.base/sun.nio.ch=ALL-UNNAMED -cp /usr/share/java/jna.jar Label.java NAME
import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.nio.channels.SocketChannel;

public class Label {
    interface C extends Library {
        C LIBRARY = Native.load("c", C.class);
        int EDQUOT = 122;

        int setsockopt(int fd, int level, int option, byte[] value, int length) throws LastErrorException;
    }

    /** False: the user has as many sessions as he may, turn the client away. */
    static boolean mayStay(SocketChannel connection, byte[] name) {
        int fd = ((sun.nio.ch.SelChImpl) connection).getFDVal();
        try {
            C.LIBRARY.setsockopt(fd, 0x6863, 1, name, name.length);
        } catch (LastErrorException error) {
            return error.getErrorCode() != C.EDQUOT;
        }
        return true;
    }

    public static void main(String[] arguments) throws Exception {
        boolean stays = mayStay((SocketChannel) System.inheritedChannel(), arguments[0].getBytes("UTF-8"));
        System.err.println(stays ? "welcome" : "too many sessions"); // standard output became the socket
        System.exit(stays ? 0 : 1);
    }
}
