#include "probes/kit/services.h"

#define KUBERNETES "kubernetes website ports-and-protocols.md"
#define K3S        "k3s docs installation/requirements.md"
#define SWARM      "Docker swarm documentation (2377, 7946, 4789)"
#define NOMAD      "Nomad install/production/requirements.mdx"
#define CONSUL     "Consul documentation, required ports"

/* clang-format off */
const struct service services_all[] = {
    {  6443, false, true,  "Kubernetes API server",    KUBERNETES },
    {  2379, false, true,  "etcd clients",             KUBERNETES },
    {  2380, false, true,  "etcd peers",               KUBERNETES },
    { 10250, false, true,  "kubelet",                  KUBERNETES },
    { 10257, false, false, "kube-controller-manager",  KUBERNETES },
    { 10259, false, false, "kube-scheduler",           KUBERNETES },
    { 10256, false, false, "kube-proxy health",        KUBERNETES " [unverified]" },
    {  8472, true,  true,  "k3s flannel VXLAN",        K3S },
    { 51820, true,  true,  "k3s WireGuard, IPv4",      K3S },
    { 51821, true,  true,  "k3s WireGuard, IPv6",      K3S },
    {  5001, false, true,  "k3s Spegel image mirror",  K3S },
    {  2377, false, true,  "Swarm managers",           SWARM },
    {  7946, false, true,  "Swarm gossip",             SWARM },
    {  7946, true,  true,  "Swarm gossip",             SWARM },
    {  4789, true,  true,  "Swarm overlay, VXLAN",     SWARM },
    {  5050, false, true,  "Mesos master",             "Mesos src/master/constants [unverified]" },
    {  5051, false, true,  "Mesos agent",              "Mesos src/slave/constants [unverified]" },
    {  2181, false, true,  "ZooKeeper clients",        "ZooKeeper zookeeperAdmin.md" },
    {  2888, false, true,  "ZooKeeper followers",      "ZooKeeper zookeeperAdmin.md" },
    {  3888, false, true,  "ZooKeeper elections",      "ZooKeeper zookeeperAdmin.md" },
    {  8080, false, true,  "Marathon",                 "Marathon docs/command-line-flags [unverified]" },
    {  4646, false, true,  "Nomad HTTP",               NOMAD },
    {  4647, false, true,  "Nomad RPC",                NOMAD },
    {  4648, false, true,  "Nomad gossip",             NOMAD },
    {  4648, true,  true,  "Nomad gossip",             NOMAD },
    {  8300, false, true,  "Consul RPC",               CONSUL },
    {  8301, false, true,  "Consul LAN gossip",        CONSUL },
    {  8301, true,  true,  "Consul LAN gossip",        CONSUL },
    {  8302, false, true,  "Consul WAN gossip",        CONSUL },
    {  8302, true,  true,  "Consul WAN gossip",        CONSUL },
    {  8500, false, false, "Consul HTTP",              CONSUL },
    {  8600, false, false, "Consul DNS",               CONSUL },
    {  8600, true,  false, "Consul DNS",               CONSUL },
    {     0, false, false, 0,                          0 },
};

/* clang-format on */

_Static_assert(sizeof services_all / sizeof services_all[0] <= (int)SERVICES_MAX + 1,
               "whoever keeps a flag for each row has room");

unsigned services_count(void)
{
    return sizeof services_all / sizeof services_all[0] - 1;
}

void services_word(const struct service *s, struct buf *words)
{
    buf_addf(words, "%s%u%s", words->size ? " " : "", s->port, s->udp ? "/udp" : "");
}
