tcplife -- python3 -S -c 'import socket; l = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True); p = l.getsockname()[1]; a = socket.create_connection(("127.0.0.1", p)); s = l.accept()[0]; a.sendall(b"x" * 5000); s.recv(5000); s.sendall(b"y" * 20); a.recv(20); a.close(); s.close(); b = socket.create_connection(("::1", p)); t = l.accept()[0]; t.close(); b.close()'
tcplife
-t relative tcplife
--format json tcplife
