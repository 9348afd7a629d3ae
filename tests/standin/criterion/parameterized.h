/* SPDX-License-Identifier: MIT */
/* parameterized.h - one test for each element of an array; see criterion.h. */
#ifndef STANDIN_PARAMETERIZED_H
#define STANDIN_PARAMETERIZED_H

#include "criterion/criterion.h"

#define ParameterizedTestParameters(s, n) static struct standin_params s##_##n##_params(void)

#define cr_make_param_array(type, array, len) \
	((struct standin_params){.size = sizeof(type), .length = (len), .params = (array)})

#define ParameterizedTest(param, s, n, ...)                                              \
	static void s##_##n##_run(param);                                                \
	static void s##_##n##_run_with(void *at)                                         \
	{                                                                                \
		s##_##n##_run(at);                                                       \
	}                                                                                \
	STANDIN_ADD(s##_##n, .suite = #s, .name = #n, .params = s##_##n##_params,        \
	            .run_with = s##_##n##_run_with, .options = {.none = 0, __VA_ARGS__}) \
	static void s##_##n##_run(param)

#endif
