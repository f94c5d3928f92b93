writesnoop --bytes 32 --failed -- sh -c 'echo text; echo error >&2; printf "caf\303\251 \377\000\033[1m \"\\\\\"\n"; printf %064d 1; echo "to two" | tee /dev/null; (echo child; /bin/echo "its child"); echo full >/dev/full; echo closed >&-; true'
writesnoop
-t relative writesnoop --failed
--format json writesnoop --failed
writesnoop --fd 2,3
writesnoop --bytes 4
writesnoop --bytes 1k
-n 2 writesnoop
