package dataplane

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"storj.io/drpc"
)

// Protocol is the version of what owner and clients say to each other. It is
// raised with every change: both are on one machine, so they are updated
// together, and a process that was started before the update is told so.
const Protocol = 1

// messageMax is how long a message may be, in bytes. A file that is known may
// consist of as many chunks as fit into a directory entry, a group's packs and
// transitions are bounded by GroupMax, all else by the limits of Service.
const messageMax = 4 << 20

// codec writes messages as CBOR (RFC 8949).
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var _ drpc.Encoding = codec{}

func newCodec() (codec, error) {
	enc, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{MaxArrayElements: 1 << 17, MaxMapPairs: 1 << 16, MaxNestedLevels: 16, UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	return codec{enc, dec}, err
}

// Marshal implements drpc.Encoding.
func (c codec) Marshal(m drpc.Message) ([]byte, error) {
	b, err := c.enc.Marshal(m)
	if err == nil && len(b) > messageMax {
		err = fmt.Errorf("a message of %d bytes is too long", len(b))
	}
	return b, err
}

// Unmarshal implements drpc.Encoding.
func (c codec) Unmarshal(b []byte, m drpc.Message) error { return c.dec.Unmarshal(b, m) }
