// SPDX-License-Identifier: Apache-2.0
//
// What lua/tracer/sink.lua says of a sink that it opens: the same structs stand
// there, in its ffi.cdef. Texts are valid during the call.
#pragma once

struct tracer_file_options {
  double append;
  double records;      // 0: any number
  double size;         // 0: any size
  double every;        // seconds; 0: for ever
  double keep;         // files
  double compression;  // 0 none, 1 gzip, 2 zstd
  double sync;         // seconds; 0: always, below: never
  double mode;
  double drop;  // when it is full
};

struct tracer_loki_options {
  const char* url;
  const char* labels;  // a JSON object
  const char* tenant;  // empty: none; as the three that follow
  const char* user;
  const char* password;
  const char* bearer;
  double batch;
  double bytes;
  double age;  // seconds
  double queue;
  double timeout;  // seconds
  double flush;    // seconds
  double gzip;
  double insecure;
};
