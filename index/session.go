package index

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	Epoch   uint64    // of the log when it began
	Lease   time.Time // until when it is believed to live, unless renewed
	PID     int       // the process whose ingest it is; 0: not known
	Started uint64    // when that began, in ticks since the machine did; 0: not known
}

// NewSession is a session of the process pid.
func NewSession(epoch uint64, lease time.Time, pid int) Session {
	return Session{Epoch: epoch, Lease: lease, PID: pid, Started: startOf(pid)}
}

// Alive reports whether the session may still be going on: its process is
// there, and its lease has not run out.
func (s Session) Alive(now time.Time) bool {
	return now.Before(s.Lease) && s.Started != 0 && startOf(s.PID) == s.Started
}

// startOf says when a process began, in ticks; 0 if it is gone, or nobody can
// tell (proc_pid_stat(5), field 22).
func startOf(pid int) uint64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ") // a name may hold blanks, but it ends here at the latest
	if at := strings.LastIndex(rest, ") "); at >= 0 {
		rest = rest[at+2:]
	}
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return 0
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0 // dead already
	}
	n, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func sessionKey(id SessionID) []byte { return append([]byte{tableSession}, id[:]...) }

// PutSession begins or renews a session. It is durable when PutSession returns.
func (db *DB) PutSession(id SessionID, s Session) error {
	v := binary.LittleEndian.AppendUint64(nil, s.Epoch)
	v = binary.LittleEndian.AppendUint64(v, uint64(s.Lease.UnixNano()))
	v = binary.LittleEndian.AppendUint64(v, uint64(s.PID))
	v = binary.LittleEndian.AppendUint64(v, s.Started)
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
		if r.Len() > 0 { // what an older version wrote ends here
			s.PID, s.Started = int(r.U64()), r.U64()
		}
		all[SessionID(k[1:])] = s
		return rowError("session", r)
	})
	return all, err
}
