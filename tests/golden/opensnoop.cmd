opensnoop -- sh -c 'cd /usr; cat < /etc/passwd > /dev/null; cat missing lib/os-release > /dev/null; : >> /dev/full; cat "$(printf "caf\303\251 \377\033[1m")"; true'
opensnoop
opensnoop --failed --flags
opensnoop --flags --dir /etc
--format json opensnoop --failed
