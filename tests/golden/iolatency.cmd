iolatency -- sh -c '(sleep 0.05; echo x) | cat > /dev/null; cat /etc/passwd > /dev/null'
iolatency
--format json iolatency
