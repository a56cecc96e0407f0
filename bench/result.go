package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Schema is the version of the results file. A change that makes an old reader
// misread a file raises it.
const Schema = 1

// ErrSchema means that a file is no results file, or one of a later version.
var ErrSchema = errors.New("not a results file of this version")

// Results is a results file: one run. Sizes are bytes, times are seconds.
type Results struct {
	Schema     int             `json:"schema"`
	Started    time.Time       `json:"started"`
	Seconds    float64         `json:"seconds"`           // the run so far
	Complete   bool            `json:"complete"`          // all that was asked for was tried
	Stopped    string          `json:"stopped,omitempty"` // why it is not complete
	Host       Host            `json:"host"`
	Noise      Noise           `json:"noise"`
	Reps       int             `json:"reps"`
	LeftOut    int             `json:"left_out,omitempty"` // repetitions of a corpus that would not have ended in time
	Corpora    []CorpusInfo    `json:"corpora"`
	Contenders []ContenderInfo `json:"contenders"`
	Rows       []Row           `json:"rows"`
}

// CorpusInfo describes a corpus that was measured, or says why it was not.
type CorpusInfo struct {
	Name     string        `json:"name"`
	About    string        `json:"about"`
	Skipped  string        `json:"skipped,omitempty"`
	Part     string        `json:"part,omitempty"` // what was asked of it, if not everything
	Releases []ReleaseInfo `json:"releases,omitempty"`
}

// ReleaseInfo describes one release of a corpus.
type ReleaseInfo struct {
	Name  string `json:"name"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
}

// ContenderInfo describes a contender that took part, or says why it did not.
type ContenderInfo struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	Tool    string `json:"tool,omitempty"` // what it says of its version
	Skipped string `json:"skipped,omitempty"`
}

// Status says how a row came out.
type Status string

// The ways a row comes out. A skipped row has nothing but a note. One that was
// ended because it went over the run's limit has that as its time, and nothing
// else: it would have taken longer.
const (
	OK      Status = "ok"
	Skipped Status = "skipped"
	Failed  Status = "failed"
	Over    Status = "over"
)

// Row is one workload done once by one contender.
//
// CPU, memory and writes are those of the command with all its children; in a
// mount's rows, of the process that serves the mount as well.
type Row struct {
	Corpus    string `json:"corpus"`
	Release   string `json:"release,omitempty"`
	Workload  string `json:"workload"`
	Contender string `json:"contender"`
	Tool      string `json:"tool,omitempty"`
	Command   string `json:"command,omitempty"` // $WORK and $CACHE stand for the run's directories
	Rep       int    `json:"rep"`               // from 1
	Status    Status `json:"status"`
	Note      string `json:"note,omitempty"`

	Seconds      float64 `json:"seconds,omitempty"`       // wall clock
	CPUSeconds   float64 `json:"cpu_seconds,omitempty"`   // user and system
	PeakBytes    int64   `json:"peak_bytes,omitempty"`    // resident memory of the largest process at its highest
	WrittenBytes int64   `json:"written_bytes,omitempty"` // towards disks: ru_oublock × 512; nothing for tmpfs
	InputBytes   int64   `json:"input_bytes,omitempty"`   // files' bytes that the workload is about
	Operations   int64   `json:"operations,omitempty"`    // reads, in the workloads that count them
	P99Seconds   float64 `json:"p99_seconds,omitempty"`   // of these, the slowest but 1 %

	StoredBytes int64 `json:"stored_bytes,omitempty"` // sizes of all files of the store, after it
	DiskBytes   int64 `json:"disk_bytes,omitempty"`   // the same in blocks that the disk gave
	IndexBytes  int64 `json:"index_bytes,omitempty"`  // files beside these that the tool could make anew
	FreshBytes  int64 `json:"fresh_bytes,omitempty"`  // reclaim: what a new store of the newest release takes

	Cold *bool   `json:"cold,omitempty"` // false: cold was asked for and could not be had
	Same *bool   `json:"same,omitempty"` // the bytes were compared with the source's; absent: they were not
	Load float64 `json:"load"`           // load average of one minute, before
}

// Load reads a results file.
func Load(path string) (*Results, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	r, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read results: %s: %w", path, err)
	}
	return r, nil
}

// Parse decodes a results file. The error is ErrSchema if it is none.
func Parse(b []byte) (*Results, error) {
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSchema, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%w: it has schema %d, want %d", ErrSchema, r.Schema, Schema)
	}
	return &r, nil
}

// Save writes a results file. Whoever reads it at any moment, after whatever
// ending of this process, finds this state or the one before, whole.
func (r *Results) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write results: %w", err)
		}
	}()
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".results-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(bytes.ReplaceAll(b, []byte(`},{"corpus":`), []byte("},\n{\"corpus\":"))) // a row a line, for diffs
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	err = os.Rename(tmp.Name(), path)
	return err
}
