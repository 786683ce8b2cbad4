/* Stand-in: see bsp.h. */
#include "bsp.h"
