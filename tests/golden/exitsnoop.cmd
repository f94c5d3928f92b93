exitsnoop -- sh -c 'true; sh -c "exit 7"; sh -c "kill -9 \$\$"; sh -c "kill -64 \$\$"; python3 -S -c "import threading; t = threading.Thread(target=print); t.start(); t.join()"'
exitsnoop
exitsnoop --threads
exitsnoop --failed
--format json -n 3 exitsnoop
