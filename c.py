import socket
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR,1); s.bind(("127.0.0.1",7394)); s.listen(5); s.settimeout(25)
c,_=s.accept(); d=c.recv(65536); print(d.decode()); b=b'{"message_id":"msg_1234567890123456"}'
c.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"%len(b)+b); 
import time; time.sleep(2)
