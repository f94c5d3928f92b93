killsnoop -- sh -c 'sleep 9 & kill -0 $!; kill -WINCH $!; kill -64 $!; wait; kill -CONT $$; kill 999999999 2> /dev/null; true'
killsnoop
killsnoop --failed
--format json killsnoop
