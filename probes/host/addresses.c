#include "probes/host/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "probes/kit/auto.h"

static bool is_own_v4(const struct sockaddr *a, char text[INET6_ADDRSTRLEN])
{
    struct sockaddr_in in;
    memcpy(&in, a, sizeof in);
    uint32_t host = ntohl(in.sin_addr.s_addr);
    return host >> 24 != 127 && host >> 16 != 0xa9fe && /* 127/8, 169.254/16 */
           inet_ntop(AF_INET, &in.sin_addr, text, INET6_ADDRSTRLEN);
}

static bool is_own_v6(const struct sockaddr *a, char text[INET6_ADDRSTRLEN])
{
    struct sockaddr_in6 in;
    memcpy(&in, a, sizeof in);
    return !IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr) &&
           inet_ntop(AF_INET6, &in.sin6_addr, text, INET6_ADDRSTRLEN);
}

/* Its text, when it is this host's and no other's. */
static bool is_own(const struct sockaddr *a, char text[INET6_ADDRSTRLEN])
{
    if (a && a->sa_family == AF_INET)
        return is_own_v4(a, text);
    return a && a->sa_family == AF_INET6 && is_own_v6(a, text);
}

static bool is_listed(const struct buf *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = buf_text(words); (at = strstr(at, word)); at++) {
        if ((at == words->data || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    }
    return false;
}

void addresses_words(const struct ifaddrs *all, struct buf *words)
{
    char text[INET6_ADDRSTRLEN];
    unsigned count = 0;
    for (const struct ifaddrs *a = all; a && count < ADDRESSES_MAX; a = a->ifa_next) {
        if (!is_own(a->ifa_addr, text) || is_listed(words, text))
            continue;
        buf_addf(words, "%s%s", count ? " " : "", text);
        count++;
    }
}

void addresses_state(struct facts *f)
{
    AUTO(buf) struct buf words = { 0 };
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all)) {
        (void)facts_set_unknown(f, "host.addresses", strerrordesc_np(errno));
        return;
    }
    addresses_words(all, &words);
    freeifaddrs(all);
    (void)facts_set_list(f, "host.addresses", buf_text(&words), NULL);
}
