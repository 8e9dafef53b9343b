//! A network that answers, refuses, hangs and babbles, at the socket.
