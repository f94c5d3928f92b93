hello -- sh -c 'date > /dev/null; ls / > /dev/null; env true'
hello
--format json -n 2 hello
