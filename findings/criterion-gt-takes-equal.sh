#!/bin/bash
# SPDX-License-Identifier: MIT
# Criterion 2.4.1: gt() of <criterion/new/assert.h> holds for equal values; lt(), le() and ge() are right.
#
# In C the header has it as "not less" (internal/assert/op.h, CRI_BINOP_T_GT), which >= is.
#
# So cr_assert(gt(int, count, 0)) passes while count is 0: a test that means "more than none" cannot
# fail for none. Write lt() with the arguments turned round.
#
# Seen with libcriterion-dev 2.4.1-2 of Debian 12, with int, unsigned and floating values alike:
#
#     gt 1 1: holds    gt 0 1: fails    lt 1 1: fails    ge 1 1: holds
#
# Fails if that changes. Needs apt-get, dpkg-deb and a C compiler; touches a temporary folder only.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
apt-get -qq -o APT::Sandbox::User=root download libcriterion-dev=2.4.1-2 libcriterion3=2.4.1-2 libgit2-1.5 libnanomsg5 libffi8 \
	libmbedtls14 libmbedx509-1 libmbedcrypto7 libhttp-parser2.9 libssh2-1 libpcre2-8-0
for package in ./*.deb; do
	dpkg-deb -x "$package" root
done
library=$(dirname "$(find root -name 'libcriterion.so.3')")

cat > compare.c <<'END'
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define SHOW(name, condition) \
	Test(compare, name)   \
	{                     \
		cr_assert(condition); \
	}

SHOW(gt_int, gt(int, 1, 1))
SHOW(gt_unsigned, gt(u64, 1, 1))
SHOW(gt_floating, gt(dbl, 1, 1))
SHOW(gt_less, gt(int, 0, 1))
SHOW(lt_int, lt(int, 1, 1))
SHOW(ge_int, ge(int, 1, 1))
END
cc -w -I root/usr/include compare.c -o compare "$library/libcriterion.so.3" \
	-Wl,-rpath,"$PWD/$library" -Wl,--allow-shlib-undefined

# The name of each test that fails, in the order of their names.
failed=$({ LD_LIBRARY_PATH="$PWD/$library" ./compare --tap 2> /dev/null || true; } |
	sed -n 's/^not ok - compare::\([a-z_]*\).*/\1/p' | sort | tr '\n' ' ')
echo "libcriterion-dev 2.4.1-2, what fails of gt 1 1 (int, unsigned, floating), gt 0 1, lt 1 1, ge 1 1: $failed"
[ "$failed" = "gt_less lt_int " ]
