syscount --by process --interval 100ms -- sh -c 'true; sleep 0.15; (exec -a "\033[1m" true); /bin/true'
syscount --by process --interval 100ms
--format json syscount --by process --interval 100ms
