/*
 * Replacement. N6_STUB_ATON selects the version of the runtime: 10100 = up to ST Edge AI Core 2.1,
 * 10103 = a later one.
 */
#ifndef STUB_LL_ATON_VERSION_H
#define STUB_LL_ATON_VERSION_H

#ifndef N6_STUB_ATON
#define N6_STUB_ATON 10103
#endif

#define LL_ATON_VERSION_NAME "stand-in"
#define LL_ATON_VERSION_MAJOR (N6_STUB_ATON / 10000)
#define LL_ATON_VERSION_MINOR (N6_STUB_ATON / 100 % 100)
#define LL_ATON_VERSION_MICRO (N6_STUB_ATON % 100)
#define LL_ATON_VERSION_DEV 0

#endif
