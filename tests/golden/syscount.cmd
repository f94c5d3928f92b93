syscount --latency -- sh -c 'cat /missing 2> /dev/null; (sleep 0.01)'
syscount --latency
syscount
--format json syscount --failed
-t relative syscount --latency --top 3
