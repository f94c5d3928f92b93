// SPDX-License-Identifier: Apache-2.0
#include "compiler/btf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/fd.h"

namespace tracer::compiler {
namespace {

// Bytes that follow a btf_type of this kind, or -1 for a kind that did not
// exist when this was written: the rest of the table cannot be read then.
int64_t trailing_bytes(const btf_type& type) {
  const int64_t count = BTF_INFO_VLEN(type.info);
  switch (BTF_INFO_KIND(type.info)) {
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
      return 0;
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
      return 4;
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return count * static_cast<int64_t>(sizeof(btf_member));
    case BTF_KIND_ENUM:
      return count * static_cast<int64_t>(sizeof(btf_enum));
    case BTF_KIND_ENUM64:
      return count * static_cast<int64_t>(sizeof(btf_enum64));
    case BTF_KIND_FUNC_PROTO:
      return count * static_cast<int64_t>(sizeof(btf_param));
    case BTF_KIND_DATASEC:
      return count * static_cast<int64_t>(sizeof(btf_var_secinfo));
    default:
      return -1;
  }
}

}  // namespace

Result<Btf> Btf::from_file(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!fd || fstat(fd.get(), &about) != 0) {
    return fail_errno(path, errno);
  }
  // The kernel lets its BTF be mapped since 6.16, privately. Reading goes by
  // pages of 4 KB there, which takes 3 ms.
  const auto size = static_cast<size_t>(about.st_size);
  void* data = size > 0
                   ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0)
                   : MAP_FAILED;
  if (data == MAP_FAILED) {
    return from_bytes(TRY(read_file(path)));
  }
  Btf btf;
  btf.bytes_ = std::shared_ptr<const void>(
      data, [size](const void* at) { munmap(const_cast<void*>(at), size); });
  TRY(btf.index({static_cast<const char*>(data), size}));
  return btf;
}

Result<Btf> Btf::from_bytes(std::string bytes) {
  auto kept = std::make_shared<const std::string>(std::move(bytes));
  Btf btf;
  btf.bytes_ = kept;
  TRY(btf.index(*kept));
  return btf;
}

Result<void> Btf::index(std::string_view bytes) {
  btf_header header{};
  if (bytes.size() < sizeof header) {
    return fail("not BTF: too short");
  }
  memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != BTF_MAGIC || header.hdr_len > bytes.size()) {
    return fail("not BTF of this machine");
  }
  const std::string_view rest = bytes.substr(header.hdr_len);
  if (uint64_t{header.type_off} + header.type_len > rest.size() ||
      uint64_t{header.str_off} + header.str_len > rest.size() ||
      header.str_len == 0 ||
      rest[header.str_off + header.str_len - 1] != '\0') {
    return fail("damaged BTF");
  }
  types_ = rest.substr(header.type_off, header.type_len);
  strings_ = rest.substr(header.str_off, header.str_len);
  // Type 0 is void and not in the table.
  offsets_.reserve(header.type_len / 24);
  offsets_.push_back(UINT32_MAX);
  for (size_t at = 0; at < types_.size();) {
    btf_type head{};
    if (types_.size() - at < sizeof head) {
      return fail("damaged BTF");
    }
    memcpy(&head, types_.data() + at, sizeof head);
    const int64_t trailing = trailing_bytes(head);
    if (trailing < 0) {
      return fail("BTF of an unknown kind " +
                  std::to_string(BTF_INFO_KIND(head.info)));
    }
    const size_t size = sizeof head + static_cast<size_t>(trailing);
    if (types_.size() - at < size) {
      return fail("damaged BTF");
    }
    offsets_.push_back(static_cast<uint32_t>(at));
    at += size;
  }
  return {};
}

const btf_type& Btf::type(uint32_t id) const {
  static const btf_type kVoid{};
  if (id == 0 || id >= offsets_.size()) {
    return kVoid;
  }
  return *reinterpret_cast<const btf_type*>(types_.data() + offsets_[id]);
}

std::string_view Btf::text(uint32_t offset) const {
  // The table ends with a zero byte (index() saw to it).
  return offset < strings_.size() ? std::string_view(strings_.data() + offset)
                                  : std::string_view();
}

template <typename T>
std::span<const T> Btf::entries(uint32_t id) const {
  const btf_type& head = type(id);
  return {reinterpret_cast<const T*>(&head + 1), BTF_INFO_VLEN(head.info)};
}

std::span<const btf_member> Btf::members(uint32_t id) const {
  const uint32_t k = kind(id);
  return k == BTF_KIND_STRUCT || k == BTF_KIND_UNION
             ? entries<btf_member>(id)
             : std::span<const btf_member>();
}

std::span<const btf_enum> Btf::enumerators(uint32_t id) const {
  return kind(id) == BTF_KIND_ENUM ? entries<btf_enum>(id)
                                   : std::span<const btf_enum>();
}

std::span<const btf_enum64> Btf::enumerators64(uint32_t id) const {
  return kind(id) == BTF_KIND_ENUM64 ? entries<btf_enum64>(id)
                                     : std::span<const btf_enum64>();
}

const btf_array& Btf::array(uint32_t id) const {
  static const btf_array kEmpty{};
  return kind(id) == BTF_KIND_ARRAY
             ? *reinterpret_cast<const btf_array*>(&type(id) + 1)
             : kEmpty;
}

uint32_t Btf::int_data(uint32_t id) const {
  return kind(id) == BTF_KIND_INT
             ? *reinterpret_cast<const uint32_t*>(&type(id) + 1)
             : 0;
}

uint32_t Btf::plain(uint32_t id) const {
  // A bound, for a damaged table may hold a circle.
  for (int steps = 0; steps < 64; ++steps) {
    switch (kind(id)) {
      case BTF_KIND_CONST:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
        id = type(id).type;
        break;
      default:
        return id;
    }
  }
  return 0;
}

uint32_t Btf::resolved(uint32_t id) const {
  for (int steps = 0; steps < 64; ++steps) {
    id = plain(id);
    if (kind(id) != BTF_KIND_TYPEDEF) {
      return id;
    }
    id = type(id).type;
  }
  return 0;
}

uint64_t Btf::size(uint32_t id) const {
  uint64_t count = 1;
  for (int steps = 0; steps < 64; ++steps) {
    id = resolved(id);
    switch (kind(id)) {
      case BTF_KIND_INT:
      case BTF_KIND_FLOAT:
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
        return count * type(id).size;
      case BTF_KIND_PTR:
        return count * sizeof(void*);
      case BTF_KIND_ARRAY:
        count *= array(id).nelems;
        id = array(id).type;
        break;
      default:
        return 0;
    }
  }
  return 0;
}

}  // namespace tracer::compiler
