package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/blake3"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile/wire"
)

// configKey is the object that makes a place a store. It is two lines of text:
// a JSON object, and "blake3 " with the hex digest of the first line, its
// newline included. What it says is fixed when the store is made.
const (
	configKey = "config"
	configMax = 64 << 10
)

// formatVersion is the version of the formats that this package writes; it
// reads all from 1 on.
const formatVersion = 1

// config is the JSON of the config object. Features are names: a reader that
// does not know an incompatible one must not open the store, one that does not
// know a read-only compatible one must not write to it.
type config struct {
	ID         string        `json:"id"` // 32 hex digits, random
	Created    time.Time     `json:"created"`
	MinReader  int           `json:"min_reader"` // format versions
	MinWriter  int           `json:"min_writer"`
	IDs        string        `json:"ids"` // how chunks are named
	Chunker    chunkerConfig `json:"chunker"`
	Packing    *Packing      `json:"packing,omitempty"` // nil: the default profile's
	Compatible []string      `json:"compatible"`
	ReadOnly   []string      `json:"read_only_compatible"`
	Incompat   []string      `json:"incompatible"`
}

type chunkerConfig struct {
	Algorithm string `json:"algorithm"`
	chunker.Params
}

const (
	idScheme       = "blake3-256"
	cutAlgorithm   = "fastcdc-jotfs-seed0-nc2"
	storeIDHexSize = 32
)

// packing is how data is packed.
func (c *config) packing() Packing {
	if c != nil && c.Packing != nil {
		return *c.Packing
	}
	p, _ := ProfileNamed(ProfileDefault)
	return p.Packing
}

// CreateOptions choose what is fixed when a store is made. Of a Profile, say,
// they are its parts.
type CreateOptions struct {
	Chunker chunker.Params // zero: chunker.DefaultParams
	Packing Packing        // zero: the default profile's
	Now     func() time.Time
}

// complete fills in what was not chosen and checks the rest.
func (o *CreateOptions) complete() error {
	if o.Chunker == (chunker.Params{}) {
		o.Chunker = chunker.DefaultParams
	}
	if o.Packing == (Packing{}) {
		o.Packing = (*config)(nil).packing()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := errors.Join(o.Chunker.Validate(), o.Packing.validate()); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return nil
}

// Create makes s, which must be empty of a store, into one. ErrStoreTaken if
// there is one already.
func Create(ctx context.Context, s backends.Store, o CreateOptions) (StoreInfo, error) {
	if err := o.complete(); err != nil {
		return StoreInfo{}, err
	}
	var id [storeIDHexSize / 2]byte
	if _, err := rand.Read(id[:]); err != nil {
		return StoreInfo{}, err
	}
	c := &config{
		ID: hex.EncodeToString(id[:]), Created: o.Now().UTC().Truncate(time.Second),
		MinReader: 1, MinWriter: 1, IDs: idScheme, Chunker: chunkerConfig{cutAlgorithm, o.Chunker}, Packing: &o.Packing,
		Compatible: []string{}, ReadOnly: []string{}, Incompat: []string{},
	}
	b, err := c.encode()
	if err != nil {
		return StoreInfo{}, err
	}
	if err := s.Put(ctx, configKey, bytes.NewReader(b)); err != nil {
		if errors.Is(err, backends.ErrExist) {
			return StoreInfo{}, ErrStoreTaken
		}
		return StoreInfo{}, fmt.Errorf("make store: %w", err)
	}
	return c.info(), nil
}

func (c *config) encode() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	return append(b, digestLine(b)...), nil
}

func digestLine(b []byte) string {
	sum := blake3.Sum256(b)
	return "blake3 " + hex.EncodeToString(sum[:]) + "\n"
}

func (c *config) info() StoreInfo {
	return StoreInfo{ID: c.ID, Format: c.MinWriter, Created: c.Created, Chunker: c.Chunker.Params, Packing: c.packing()}
}

// Inspect describes the store in s. It fails like Open, and opens nothing.
func Inspect(ctx context.Context, s backends.Store) (StoreInfo, error) {
	c, _, err := readConfig(ctx, s)
	if err != nil {
		return StoreInfo{}, err
	}
	return c.info(), nil
}

// readConfig returns ErrNoStore if there is no store, ErrFeature if it is one
// for newer programs. writable says what the store may be used for.
func readConfig(ctx context.Context, s backends.Store) (c *config, writable bool, err error) {
	b, err := backends.ReadAll(ctx, s, configKey, 0, -1, configMax)
	if errors.Is(err, backends.ErrNotExist) {
		return nil, false, ErrNoStore
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", configKey, err)
	}
	if c, err = decodeConfig(b); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", configKey, err)
	}
	if c.MinReader > formatVersion {
		return nil, false, fmt.Errorf("%w: format %d", ErrFeature, c.MinReader)
	}
	if len(c.Incompat) > 0 {
		return nil, false, fmt.Errorf("%w: %s", ErrFeature, strings.Join(c.Incompat, ", "))
	}
	if c.IDs != idScheme || c.Chunker.Algorithm != cutAlgorithm {
		return nil, false, fmt.Errorf("%w: ids %q, chunker %q", ErrFeature, c.IDs, c.Chunker.Algorithm)
	}
	return c, c.MinWriter <= formatVersion && len(c.ReadOnly) == 0, c.Chunker.Validate()
}

func decodeConfig(b []byte) (*config, error) {
	i := bytes.IndexByte(b, '\n') + 1
	if string(b[i:]) != digestLine(b[:i]) {
		return nil, fmt.Errorf("%w: it does not match its digest", wire.ErrMalformed)
	}
	c := &config{}
	if err := json.Unmarshal(b[:i], c); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	if c.Packing != nil {
		if err := c.Packing.validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
		}
	}
	if id, err := hex.DecodeString(c.ID); err != nil || len(id) != storeIDHexSize/2 || slices.Contains(c.Incompat, "") {
		return nil, fmt.Errorf("%w: store id %q", wire.ErrMalformed, c.ID)
	}
	return c, nil
}
