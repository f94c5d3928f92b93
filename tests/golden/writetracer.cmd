writetracer --bytes 32 --failed --metrics-port 0 -- sh -c 'echo text; echo error >&2; printf "caf\303\251 \377\000 \"\r\n\n"; printf %064d 1; (echo child; /bin/echo "its child"); echo full >/dev/full; true'
writetracer
--format json writetracer
writetracer -f 2,3 --keep-newlines
writetracer --no-fd-target --bytes 4
writetracer -q
