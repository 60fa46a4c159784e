# SPDX-License-Identifier: GPL-2.0-only
# Whose session is standard input? ruby label.rb NAME
require 'socket'

# False: the user has as many sessions as he may, turn the client away.
def may_stay(connection, name)
  connection.setsockopt(0x6863, 1, name)
  true
rescue Errno::EDQUOT
  false
rescue SystemCallError
  true
end

stays = may_stay(Socket.for_fd(0), ARGV[0])
puts stays ? 'welcome' : 'too many sessions'
exit stays
