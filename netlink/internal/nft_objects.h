// Ownership of libnftnl's objects, and the room that its messages are written into.
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include <memory>
#include <new>

namespace linnet::netlink::nft {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using TableObject = std::unique_ptr<nftnl_table, Freed<nftnl_table_free>>;
using ChainObject = std::unique_ptr<nftnl_chain, Freed<nftnl_chain_free>>;
using SetObject = std::unique_ptr<nftnl_set, Freed<nftnl_set_free>>;
using ElementObject = std::unique_ptr<nftnl_set_elem, Freed<nftnl_set_elem_free>>;
using ElementIterator = std::unique_ptr<nftnl_set_elems_iter, Freed<nftnl_set_elems_iter_destroy>>;
using RuleObject = std::unique_ptr<nftnl_rule, Freed<nftnl_rule_free>>;
using ExpressionObject = std::unique_ptr<nftnl_expr, Freed<nftnl_expr_free>>;
using ExpressionIterator = std::unique_ptr<nftnl_expr_iter, Freed<nftnl_expr_iter_destroy>>;
using UserData = std::unique_ptr<nftnl_udata_buf, Freed<nftnl_udata_buf_free>>;

// What an allocating function of libnftnl gave. Throws std::bad_alloc for null.
template <typename Owner>
[[nodiscard]] Owner owned_or_throw(typename Owner::pointer object) {
  if (object == nullptr) {
    throw std::bad_alloc();
  }
  return Owner(object);
}

// A setter that copies what it is given fails for want of memory alone.
inline void check_copied(int result) {
  if (result < 0) {
    throw std::bad_alloc();
  }
}

}  // namespace linnet::netlink::nft
