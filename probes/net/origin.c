#include "probes/net/origin.h"

#include <string.h>
#include <sys/random.h>

#include "probes/kit/clk.h"

static const uint64_t v4_low = UINT64_C(0x0000ffff00000000);
/* SOURCE: fractions of the golden ratio and of the root of two: bits in no order, for small seeds.
 */
static const uint64_t mix_a = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t mix_b = UINT64_C(0x6a09e667f3bcc909);

struct origin origin_of_octets(const uint8_t address[16])
{
    struct origin o = { 0 };
    for (int i = 0; i < 8; i++) {
        o.high = o.high << 8 | address[i];
        o.low = o.low << 8 | address[i + 8];
    }
    return o;
}

struct origin origin_of(const union peer_sockaddr *a)
{
    if (a->any.sa_family == AF_INET6)
        return origin_of_octets(a->v6.sin6_addr.s6_addr);
    return (struct origin){ .low = v4_low | ntohl(a->v4.sin_addr.s_addr) };
}

bool origin_is_v4(struct origin o)
{
    return o.high == 0 && o.low >> 32 == v4_low >> 32;
}

struct origin origin_site(struct origin o)
{
    return origin_is_v4(o) ? o : (struct origin){ .high = o.high };
}

struct origin_seed origin_seed_random(void)
{
    struct origin_seed s;
    if (getrandom(&s, sizeof s, GRND_NONBLOCK) != sizeof s)
        s = (struct origin_seed){ clk_realtime_ns(), clk_now_ns() };
    return s;
}

/* Both halves of a product depend on all bits of both factors. */
static uint64_t fold(uint64_t x, uint64_t y)
{
    __extension__ unsigned __int128 product = (unsigned __int128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t origin_hash(struct origin_seed s, struct origin o, uint64_t more)
{
    uint64_t first = fold(o.high ^ s.a ^ mix_a, o.low ^ s.b ^ mix_b);
    return fold(first ^ s.b ^ mix_a, more ^ s.a ^ mix_b);
}
