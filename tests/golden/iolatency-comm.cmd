iolatency --by comm -- sh -c '(sleep 0.05; echo x) | cat > /dev/null'
iolatency --by comm
--format json iolatency --by comm
