package dataplane

import (
	"github.com/fxamacker/cbor/v2"
	"storj.io/drpc"
)

// Protocol is the version of what owner and clients say to each other. It is
// raised with every change: both are on one machine, so they are updated
// together, and a process that was started before the update is told so.
const Protocol = 2

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

// encoded is a message that Marshal has made already.
type encoded []byte

// Marshal implements drpc.Encoding. Its errors are ErrProtocol.
func (c codec) Marshal(m drpc.Message) ([]byte, error) {
	if b, ok := m.(encoded); ok {
		return b, nil
	}
	b, err := c.enc.Marshal(m)
	switch {
	case err != nil:
		return nil, badMessage("write a %T: %w", m, err)
	case len(b) > messageMax:
		return nil, badMessage("a %T of %d bytes is too long", m, len(b))
	}
	return b, nil
}

// Unmarshal implements drpc.Encoding. Its errors are ErrProtocol.
func (c codec) Unmarshal(b []byte, m drpc.Message) error {
	if err := c.dec.Unmarshal(b, m); err != nil {
		return badMessage("read a %T: %w", m, err)
	}
	return nil
}
