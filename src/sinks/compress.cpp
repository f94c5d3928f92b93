// SPDX-License-Identifier: Apache-2.0
#include "sinks/compress.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <vector>

#include "base/fd.h"

namespace tracer::sinks {
namespace {

constexpr size_t kPiece = size_t{1} << 17;
constexpr int kGzipWindow = 15 + 16;  // zlib: with the head of gzip

/// Takes what is compressed.
using Out = std::function<Result<void>(std::string_view)>;

class Gzip {
 public:
  Gzip() {
    deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                 Z_DEFAULT_STRATEGY);
  }
  ~Gzip() { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Result<void> put(std::string_view text, bool last, const Out& out) {
    // zlib's own interface; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(room_.data());
      stream_.avail_out = static_cast<uInt>(room_.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      TRY(out({room_.data(), room_.size() - stream_.avail_out}));
    } while (stream_.avail_out == 0);
    return {};
  }

 private:
  z_stream stream_{};
  std::vector<char> room_ = std::vector<char>(kPiece);
};

class Zstd {
 public:
  Result<void> put(std::string_view text, bool last, const Out& out) {
    ZSTD_inBuffer in{.src = text.data(), .size = text.size(), .pos = 0};
    size_t left = 0;
    do {
      ZSTD_outBuffer to{.dst = room_.data(), .size = room_.size(), .pos = 0};
      left = ZSTD_compressStream2(stream_.get(), &to, &in,
                                  last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) {
        return fail(std::string("zstd: ") + ZSTD_getErrorName(left));
      }
      TRY(out({room_.data(), to.pos}));
    } while (in.pos < in.size || (last && left > 0));
    return {};
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* stream) const { ZSTD_freeCCtx(stream); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> stream_{ZSTD_createCCtx()};
  std::vector<char> room_ = std::vector<char>(kPiece);
};

template <typename Compressor>
Result<bool> pump(int from, int to, const std::atomic<bool>& stop) {
  Compressor compressor;
  std::vector<char> piece(kPiece);
  const Out out = [to](std::string_view bytes) { return write_all(to, bytes); };
  for (;;) {
    const ssize_t got = read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno("read", errno);
    }
    if (stop) {
      return false;
    }
    TRY(compressor.put({piece.data(), static_cast<size_t>(got)}, got == 0,
                       out));
    if (got == 0) {
      return true;
    }
  }
}

}  // namespace

const char* ending_of(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return ".gz";
    case Compression::kZstd:
      return ".zst";
    case Compression::kNone:
      break;
  }
  return "";
}

std::string gzip(std::string_view text) {
  std::string packed;
  static_cast<void>(Gzip().put(text, true, [&](std::string_view bytes) {
    packed += bytes;
    return Result<void>();
  }));
  return packed;
}

Result<bool> compress_file(int from, int to, Compression compression,
                           const std::atomic<bool>& stop) {
  return compression == Compression::kGzip ? pump<Gzip>(from, to, stop)
                                           : pump<Zstd>(from, to, stop);
}

}  // namespace tracer::sinks
