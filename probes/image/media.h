/*
 * media: how a layer's bytes are packed, by its media type and its first bytes.
 *
 * As containerd does it: an OCI tar is a tar; where the type names a compression, or is Docker's,
 * which was given to compressed layers as well, the first bytes say which, if any. Foreign and
 * encrypted layers are refused. SOURCE: containerd core/images/mediatypes.go (DiffCompression) and
 * core/diff/stream.go; OCI image specification 1.1, layer.md; ocicrypt ("+encrypted").
 */
#ifndef PROBES_IMAGE_MEDIA_H
#define PROBES_IMAGE_MEDIA_H

#include "probes/image/stream.h"
#include "probes/kit/err.h"

/*
 * Sets source->form. ERR_UNSUPPORTED for layers that are not read, with the reason. media_type "":
 * not known, the bytes say it. It must be fit to be shown.
 */
int media_judge(const char *media_type, struct stream_source *source, struct err *e);

#endif
