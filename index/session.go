package index

import (
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/artifortress/afs-engine/packfile/wire"
)

// SessionID names one ingest.
type SessionID [16]byte

// Session is an ingest that has begun and not ended. A session whose process
// has died is found when the index is next opened: what it had sealed may be
// in the store without a record in the log.
type Session struct {
	Epoch uint64    // of the log when it began
	Lease time.Time // until when it is believed to live, unless renewed
}

func sessionKey(id SessionID) []byte { return append([]byte{tableSession}, id[:]...) }

// PutSession begins or renews a session. It is durable when PutSession returns.
func (db *DB) PutSession(id SessionID, s Session) error {
	v := binary.LittleEndian.AppendUint64(nil, s.Epoch)
	v = binary.LittleEndian.AppendUint64(v, uint64(s.Lease.UnixNano()))
	_, err := db.health.write(func() error { return db.p.Set(sessionKey(id), v, pebble.Sync) })
	return err
}

// EndSession forgets a session.
func (db *DB) EndSession(id SessionID) error {
	_, err := db.health.write(func() error { return db.p.Delete(sessionKey(id), pebble.NoSync) })
	return err
}

// Sessions returns those that have not ended.
func (db *DB) Sessions() (map[SessionID]Session, error) {
	all := map[SessionID]Session{}
	err := scan(db.p, []byte{tableSession}, func(k, v []byte) error {
		r := wire.NewReader(v)
		if len(k) != 1+len(SessionID{}) {
			r.Failf("a key of %d bytes", len(k))
			return rowError("session", r)
		}
		s := Session{Epoch: r.U64(), Lease: time.Unix(0, int64(r.U64()))}
		all[SessionID(k[1:])] = s
		return rowError("session", r)
	})
	return all, err
}
