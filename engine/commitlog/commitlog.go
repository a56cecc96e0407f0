// Package commitlog is the store's ordered truth: a chain of immutable objects,
// each a group of records that took effect together. Everything that the index
// holds follows from it.
//
// A group's key is its sequence number and it is written only if that key is
// free, so of two writers that believe in the same next number one loses. Each
// group carries the digest of the one before it, so the log cannot be cut,
// reordered or edited unnoticed. A nonce tells a writer whether a group whose
// Put failed half-way is its own after all.
//
// A writer that is not the one of the last group announces itself with a
// takeover record and the next epoch; from then on the other's appends fail.
package commitlog

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Digest is a BLAKE3-256.
type Digest [32]byte

// WriterID tells writers apart: random, drawn when a writer's index is made.
type WriterID [16]byte

// Position is a place in the log: after group Sequence. The zero Position is
// before the first group.
type Position struct {
	Sequence uint64   // 1 is the first group
	Digest   Digest   // of that group
	Epoch    uint64   // in force
	Writer   WriterID // who may append without a takeover
	ReadOnly uint32   `json:",omitempty"` // read-only compatible feature flags met so far
}

// Kind says what a record means. The numbers are wire format. A kind of 128 or
// more may be skipped by a reader that does not know it; any other may not.
type Kind uint8

// The kinds of records. The numbers left out are reserved for undelete (7),
// expire, hold, release, rule (8–11), condemn and delete (12, 13).
const (
	KindTakeover   Kind = 1
	KindPackAdded  Kind = 2
	KindDraft      Kind = 3
	KindDiscard    Kind = 4
	KindPublish    Kind = 5
	KindTag        Kind = 6
	KindTombstone  Kind = 14
	KindCheckpoint Kind = 128
)

// Record is one entry of the log. Body is the kind's own encoding.
type Record struct {
	Kind Kind
	Body []byte
}

// Group is the unit of appending: its records took effect together.
type Group struct {
	Sequence uint64
	Epoch    uint64
	Nonce    [16]byte
	Prev     Digest // of group Sequence-1; zero for the first
	Time     time.Time
	Records  []Record
	readOnly uint32 // read-only compatible feature flags: who does not know one may read on, but not append
}

// Prefix begins the keys of all log objects.
const Prefix = "log/"

// Key names the object of group seq.
func Key(seq uint64) string { return fmt.Sprintf("%s%020d", Prefix, seq) }

// ParseKey reads what Key writes.
func ParseKey(key string) (uint64, bool) {
	s, ok := strings.CutPrefix(key, Prefix)
	if !ok || len(s) != 20 {
		return 0, false
	}
	seq, err := strconv.ParseUint(s, 10, 64)
	return seq, err == nil && seq > 0
}

// MarshalText is the digest in hex.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(b []byte) error { return unhex(d[:], b) }

// MarshalText is the id in hex.
func (w WriterID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, w[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (w *WriterID) UnmarshalText(b []byte) error { return unhex(w[:], b) }

func unhex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("want %d hex digits, not %d", hex.EncodedLen(len(dst)), len(text))
	}
	_, err := hex.Decode(dst, text)
	return err
}
