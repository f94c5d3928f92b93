// SPDX-License-Identifier: Apache-2.0
#include "sinks/curl.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

namespace tracer::sinks {
namespace {

// The part of curl's interface that is used.
using Handle = void;
struct List;
constexpr long kGlobalDefault = 3;
constexpr int kOk = 0;
constexpr long kHttpAndHttps = 1 | 2;
constexpr long kBasic = 1;
constexpr int kErrorRoom = 256;
enum Option : int {
  kNoProgress = 43,
  kPost = 47,
  kVerifyPeer = 64,
  kVerifyHost = 81,
  kNoSignal = 99,
  kHttpAuth = 107,
  kTimeoutMs = 155,
  kProtocols = 181,
  kWriteData = 10001,
  kUrl = 10002,
  kErrorBuffer = 10010,
  kPostFields = 10015,
  kUserAgent = 10018,
  kHttpHeader = 10023,
  kProgressData = 10057,
  kUserName = 10173,
  kPassword = 10174,
  kWriteFunction = 20011,
  kProgressFunction = 20219,
  kPostFieldSize = 30120,
};
enum Info : int {
  kResponseCode = 0x200000 + 2,
  kRetryAfter = 0x600000 + 57,
};

struct Library {
  int (*global_init)(long);
  Handle* (*easy_init)();
  int (*easy_setopt)(Handle*, int, ...);
  int (*easy_perform)(Handle*);
  int (*easy_getinfo)(Handle*, int, ...);
  const char* (*easy_strerror)(int);
  void (*easy_cleanup)(Handle*);
  List* (*slist_append)(List*, const char*);
  void (*slist_free_all)(List*);
};

template <typename F>
bool find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

/// Loaded once and kept: libcurl cannot be unloaded cleanly.
Result<const Library*> load() {
  static Library curl{};
  static bool loaded = false;
  if (loaded) {
    return &curl;
  }
  void* library = nullptr;
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    library = library == nullptr ? dlopen(name, RTLD_NOW) : library;
  }
  if (library == nullptr) {
    return fail("cannot load libcurl, which sends things over HTTP",
                "install it; on Debian: apt-get install libcurl4");
  }
  if (!find(library, "curl_global_init", curl.global_init) ||
      !find(library, "curl_easy_init", curl.easy_init) ||
      !find(library, "curl_easy_setopt", curl.easy_setopt) ||
      !find(library, "curl_easy_perform", curl.easy_perform) ||
      !find(library, "curl_easy_getinfo", curl.easy_getinfo) ||
      !find(library, "curl_easy_strerror", curl.easy_strerror) ||
      !find(library, "curl_easy_cleanup", curl.easy_cleanup) ||
      !find(library, "curl_slist_append", curl.slist_append) ||
      !find(library, "curl_slist_free_all", curl.slist_free_all) ||
      curl.global_init(kGlobalDefault) != kOk) {
    return fail("libcurl does not offer what is needed",
                "install version 7.66 or newer");
  }
  loaded = true;
  return &curl;
}

class LoadedCurl : public Curl {
 public:
  LoadedCurl(const Library& curl, Settings settings,
             std::function<bool()> gives_up)
      : curl_(curl),
        settings_(std::move(settings)),
        gives_up_(std::move(gives_up)),
        handle_(curl.easy_init()) {}
  ~LoadedCurl() override {
    curl_.easy_cleanup(handle_);
    curl_.slist_free_all(headers_);
  }
  LoadedCurl(const LoadedCurl&) = delete;
  LoadedCurl& operator=(const LoadedCurl&) = delete;

  void set_up() {
    // Empty: no "Expect: 100-continue", which costs a round trip.
    headers_ = curl_.slist_append(headers_, "Expect:");
    for (const std::string& header : settings_.headers) {
      headers_ = curl_.slist_append(headers_, header.c_str());
    }
    set(kUrl, settings_.url.c_str());
    set(kHttpHeader, headers_);
    set(kUserAgent, "tracer/" TRACER_VERSION);
    set(kPost, 1L);
    set(kProtocols, kHttpAndHttps);
    // Names are looked up in a thread that curl starts, not by signals.
    set(kNoSignal, 1L);
    set(kTimeoutMs, static_cast<long>(settings_.timeout.count()));
    set(kVerifyPeer, settings_.insecure ? 0L : 1L);
    set(kVerifyHost, settings_.insecure ? 0L : 2L);
    if (!settings_.user.empty()) {
      set(kHttpAuth, kBasic);
      set(kUserName, settings_.user.c_str());
      set(kPassword, settings_.password.c_str());
    }
    set(kErrorBuffer, error_);
    set(kWriteFunction, &LoadedCurl::take);
    set(kWriteData, this);
    set(kNoProgress, 0L);
    set(kProgressFunction, &LoadedCurl::progress);
    set(kProgressData, this);
  }

  Answer post(std::string_view body) override {
    answer_ = {};
    error_[0] = '\0';
    set(kPostFields, body.data());
    set(kPostFieldSize, static_cast<int64_t>(body.size()));
    const int code = curl_.easy_perform(handle_);
    if (code != kOk) {
      answer_.error = error_[0] != '\0' ? error_ : curl_.easy_strerror(code);
      return answer_;
    }
    long status = 0;
    int64_t retry_after = 0;
    curl_.easy_getinfo(handle_, kResponseCode, &status);
    curl_.easy_getinfo(handle_, kRetryAfter, &retry_after);
    answer_.status = static_cast<int>(status);
    if (retry_after > 0) {
      answer_.retry_after = std::chrono::seconds(retry_after);
    }
    return answer_;
  }

 private:
  template <typename T>
  void set(Option option, T value) {
    curl_.easy_setopt(handle_, option, value);
  }

  /// Keeps the beginning of an answer: it says what is wrong.
  static size_t take(const char* bytes, size_t size, size_t count, void* self) {
    constexpr size_t kMost = 300;
    std::string& text = static_cast<LoadedCurl*>(self)->answer_.text;
    text.append(bytes, std::min(size * count, kMost - text.size()));
    return size * count;
  }

  static int progress(void* self, int64_t, int64_t, int64_t, int64_t) {
    return static_cast<LoadedCurl*>(self)->gives_up_() ? 1 : 0;
  }

  const Library& curl_;
  const Settings settings_;
  const std::function<bool()> gives_up_;
  Handle* handle_;
  List* headers_ = nullptr;
  Answer answer_;
  char error_[kErrorRoom] = {};
};

}  // namespace

Result<std::unique_ptr<Curl>> Curl::create(const Settings& settings,
                                           std::function<bool()> gives_up) {
  const Library* curl = TRY(load());
  auto made =
      std::make_unique<LoadedCurl>(*curl, settings, std::move(gives_up));
  made->set_up();
  return made;
}

}  // namespace tracer::sinks
