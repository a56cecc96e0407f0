package engine_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/dataplane"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/scrub"
	"github.com/artifortress/afs-engine/engine/source"
	"github.com/artifortress/afs-engine/engine/unpack"
	"github.com/artifortress/afs-engine/packfile"
)

// prose is n lines that occur nowhere else.
func prose(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 77))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d: the word %x follows the word %x\n", i, r.Uint64(), r.Uint64())
	}
	return b.String()
}

// reworded is s with a line in each hundred changed, another removed and a third
// added.
func reworded(s string, seed uint64) string {
	lines := strings.SplitAfter(s, "\n")
	r := rand.New(rand.NewPCG(seed, 78))
	for at := 0; at+100 < len(lines); at += 100 {
		lines[at+r.IntN(100)] = fmt.Sprintf("changed to %x\n", r.Uint64())
		lines[at+r.IntN(100)] = ""
		lines[at+r.IntN(100)] += fmt.Sprintf("added %x\n", r.Uint64())
	}
	return strings.Join(lines, "")
}

// rawBytes adds up what is in the frames of the store's data packs by their
// codecs, and makes sure that every delta refers to chunks that are no deltas.
func rawBytes(t *testing.T, s backends.Store) map[packfile.Codec]int {
	t.Helper()
	n := map[packfile.Codec]int{}
	plain := map[packfile.DepPrefix]bool{}
	var refers []packfile.DepPrefix
	eachPack(t, s, func(x *packfile.Index) {
		if x.Class != packfile.ClassData {
			return
		}
		for i, f := range x.Frames {
			n[f.Codec] += int(f.Raw)
			refers = append(refers, x.Bases(i)...)
		}
		for _, e := range x.Entries {
			if x.Frames[e.Frame].Codec != packfile.CodecDelta {
				plain[packfile.PrefixOf(e.ID)] = true
			}
		}
	})
	for _, p := range refers {
		if !plain[p] {
			t.Errorf("a delta refers to chunk %x…, which is none or a delta itself", p)
		}
	}
	return n
}

func storeWith(t *testing.T, o engine.CreateOptions) *world {
	t.Helper()
	objects := storeOf(t, nil)
	if _, err := engine.Create(t.Context(), objects, o); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, objects, engine.Settings{})
}

func TestTheNextVersionOfATextTakesNextToNothing(t *testing.T) {
	w := newWorld(t)
	v1 := files{
		"doc/long":  prose(1, 30_000), // of many blocks
		"doc/short": prose(2, 300),
		"src/a":     prose(3, 2000),
		"bin":       randomBytes(4, 400_000),
	}
	v2 := files{
		"doc/long":  reworded(v1["doc/long"], 1),
		"doc/short": reworded(v1["doc/short"], 2),
		"src/a":     prose(5, 10) + v1["src/a"],
		"src/new":   prose(6, 100),
		"bin":       "changed" + v1["bin"],
	}
	v3 := maps.Clone(v2)
	v3["doc/long"], v3["doc/short"] = reworded(v2["doc/long"], 3), reworded(v2["doc/short"], 4)
	first := w.ingest("a/b@1", v1)
	second := w.ingest("a/b@2", v2)
	if deltas := rawBytes(t, w.store)[packfile.CodecDelta]; deltas == 0 {
		t.Fatal("no frame is a delta")
	}
	if second.StoredBytes > first.StoredBytes/6 || second.NewBytes < first.NewBytes/3 {
		t.Errorf("the first version: %d new bytes take %d, the second: %d take %d", first.NewBytes, first.StoredBytes, second.NewBytes, second.StoredBytes)
	}
	third := w.ingest("a/b@3", v3)
	if third.StoredBytes > first.StoredBytes/6 {
		t.Errorf("the third version: %d new bytes take %d", third.NewBytes, third.StoredBytes)
	}
	expectAll := func(w *world) {
		t.Helper()
		w.expect("a/b@1", v1)
		w.expect("a/b@2", v2)
		w.expect("a/b@3", v3)
		if _, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) }); err != nil {
			t.Fatal(err)
		}
	}
	expectAll(w)
	rawBytes(t, w.store)
	before := export(t, w)
	w.forget()
	expectAll(w)
	if after := export(t, w); !slices.Equal(before, after) {
		t.Error("the rebuilt index differs from the one that was kept")
	}
}

func TestWhatIsStoredAsADeltaIsAChoice(t *testing.T) {
	v1 := files{"text": prose(1, 3000), "binary": "\x00" + prose(2, 3000)}
	v2 := files{"text": reworded(v1["text"], 1), "binary": reworded(v1["binary"], 2)}
	stored := map[engine.Deltas]int64{}
	for _, deltas := range []engine.Deltas{engine.DeltasNone, engine.DeltasText, engine.DeltasAll, "of a newer program"} {
		w := storeWith(t, engine.CreateOptions{Packing: engine.Packing{Frame: 128 << 10, Level: 1, Deltas: deltas}})
		w.ingest("a/b@1", v1)
		stored[deltas] = w.ingest("a/b@2", v2).StoredBytes
		if n := rawBytes(t, w.store)[packfile.CodecDelta]; (n > 0) != (deltas == engine.DeltasText || deltas == engine.DeltasAll) {
			t.Errorf("%q: %d bytes in deltas", deltas, n)
		}
		w.expect("a/b@1", v1)
		w.expect("a/b@2", v2)
	}
	if all, text, none := stored[engine.DeltasAll], stored[engine.DeltasText], stored[engine.DeltasNone]; all >= text*2/3 || text >= none*2/3 {
		t.Errorf("all: %d bytes, text: %d, none: %d", all, text, none)
	}
}

// The version before is the one that was published last, whatever its name.
func TestADryRunKnowsWhatDeltasSave(t *testing.T) {
	w := newWorld(t)
	v1 := files{"text": prose(1, 3000)}
	v2 := files{"text": reworded(v1["text"], 1)}
	w.ingest("a/b@zz", v1)
	dry, err := w.Ingest(t.Context(), engine.IngestRequest{Source: v2, Ref: mustRef(t, "a/b@aa"), DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	res := w.ingest("a/b@aa", v2)
	if dry.NewBytes != res.NewBytes || dry.StoredBytes < res.StoredBytes*9/10 || dry.StoredBytes > res.StoredBytes*11/10 {
		t.Errorf("the dry run says %d new bytes in %d, it is %d in %d", dry.NewBytes, dry.StoredBytes, res.NewBytes, res.StoredBytes)
	}
	if other := w.ingest("a/other@1", files{"text": reworded(v1["text"], 9)}); other.StoredBytes < 4*res.StoredBytes {
		t.Errorf("another package's version takes %d bytes, this one's %d: it knows of the other", other.StoredBytes, res.StoredBytes)
	}
}

// A delta is lost with what it refers to, and nothing else is.
func TestADeltaWithoutItsBaseIsAnErrorThatNamesIt(t *testing.T) {
	w := newWorld(t)
	v1 := files{"text": prose(1, 3000), "other": prose(2, 100)}
	v2 := files{"text": reworded(v1["text"], 1), "other": v1["other"], "more": prose(3, 100)}
	w.ingest("a/b@1", v1)
	first := largest(t, w.store)
	w.ingest("a/b@2", v2)
	w.close()
	bad := objects(t, w.store)
	bad[first] = bytes.Clone(bad[first])
	bad[first][packfile.HeaderSize+100] ^= 1 // in the first frame
	broken := openWorld(t, storeOf(t, bad), engine.Settings{})
	v, err := broken.Version(t.Context(), mustRef(t, "a/b@2"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = readFile(t, v, "text")
	if engine.KindOf(err) != engine.KindCorrupt || !strings.Contains(err.Error(), first) {
		t.Errorf("reading a delta of a damaged frame: %v; want the frame's object, %s", err, first)
	}
	if got, err := readFile(t, v, "more"); err != nil || got != v2["more"] {
		t.Errorf("what has nothing to do with it: %v", err)
	}
	lost := 0
	places := map[string]bool{}
	_, err = broken.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) {
		lost += int(p.LostChunks)
		places[p.Object] = true
	})
	if err != nil || lost == 0 || len(places) != 1 || !places[first] {
		t.Errorf("verify: problems in %v, %d chunks lost, %v", places, lost, err)
	}
	// Nothing is made a delta of what cannot be read.
	v3 := files{"text": reworded(v1["text"], 5)}
	broken.ingest("a/b@3", v3)
	broken.expect("a/b@3", v3)
}

// largest is the largest object.
func largest(t *testing.T, s backends.Store) (key string) {
	t.Helper()
	size := int64(0)
	eachPack(t, s, func(x *packfile.Index) {
		if x.Size > size {
			key, size = x.Key(), x.Size
		}
	})
	return key
}

// A file of more chunks than are known at once, with all that follows at another
// place than before.
func TestLineageBeyondItsWindow(t *testing.T) {
	w := storeWith(t, engine.CreateOptions{
		Chunker: chunker.Params{Min: 256, Avg: 1 << 10, Max: 4 << 10},
		Packing: engine.Packing{Frame: 64 << 10, Level: 1, Deltas: engine.DeltasAll},
	})
	long := randomBytes(1, 24<<20)
	var longer, shorter strings.Builder
	for at := 0; at < len(long); at += 1 << 18 {
		part := long[at : at+1<<18]
		longer.WriteString(part[:100_000] + "inserted" + part[100_000:])
		shorter.WriteString(part[300:])
	}
	w.ingest("a/b@1", files{"f": long})
	for i, f := range []files{{"f": longer.String()}, {"f": shorter.String()}} {
		ref := fmt.Sprintf("a/b@%d", i+2)
		before := rawBytes(t, w.store)
		w.ingest(ref, f)
		after := rawBytes(t, w.store)
		deltas := after[packfile.CodecDelta] - before[packfile.CodecDelta]
		others := after[packfile.CodecRaw] - before[packfile.CodecRaw] // random bytes do not shrink
		if deltas == 0 || others > deltas/20 {
			t.Errorf("%s: %d new bytes are deltas, %d are not", ref, deltas, others)
		}
		w.expect(ref, f)
	}
}

func TestClientsStoreDeltasToo(t *testing.T) {
	for _, twins := range []bool{false, true} {
		w := sharedWorldWith(t, storeOf(t, nil), twins)
		v1 := files{"text": prose(1, 3000)}
		v2 := files{"text": reworded(v1["text"], 1)}
		w.ingest("a/b@1", v1)
		res, err := w.client.Ingest(t.Context(), engine.IngestRequest{Source: v2, Ref: mustRef(t, "a/b@2")})
		if err != nil || res.StoredBytes > res.NewBytes/5 {
			t.Fatalf("twins %v: %+v, %v", twins, res, err)
		}
		w.expect("a/b@2", v2)
		w.sound("r/q@1")
	}
}

func TestALyingDeltaIsRefused(t *testing.T) {
	base := []byte(prose(1, 200))
	data := []byte(reworded(string(base), 1))
	id, baseID := chunker.Sum(data), chunker.Sum(base)
	absent := chunker.Sum([]byte("absent"))
	for name, lie := range map[string]struct {
		chunk chunker.ID
		bases []packfile.Base
		more  bool // the base is in the same pack
	}{
		"about a chunk's id":            {absent, []packfile.Base{{ID: baseID, Data: base}}, false},
		"of a chunk that is nowhere":    {id, []packfile.Base{{ID: absent, Data: base}}, false},
		"of a chunk in its own pack":    {id, []packfile.Base{{ID: chunker.Sum(append(base, '.')), Data: append(base, '.')}}, true},
		"of other bytes than are there": {id, []packfile.Base{{ID: baseID, Data: data}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSharedWorld(t)
			w.ingest("a/b@1", files{"base": string(base)})
			wr, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
			if err != nil {
				t.Fatal(err)
			}
			if lie.more {
				err = wr.Add(lie.bases[0].ID, chunker.Data, lie.bases[0].Data, nil)
			}
			if err == nil {
				err = wr.AddDelta(lie.chunk, data, false, lie.bases)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.refuses(wr)
			w.sound("r/q@1")
		})
	}
}

// withWrongChunks returns the object of a data pack as it would be if the first
// chunks had other bytes than their ids say, and these ids. The pack must be of
// bytes that do not shrink, so that the object keeps its size.
func withWrongChunks(t *testing.T, s backends.Store, key string) (object []byte, wrong []chunker.ID) {
	t.Helper()
	id, err := packfile.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	wr, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
	if err != nil {
		t.Fatal(err)
	}
	_, err = packfile.Scan(t.Context(), s, id, nil, func(e packfile.Entry, b []byte) error {
		if len(wrong) < 3 {
			wrong = append(wrong, e.ID)
			b = bytes.Clone(b)
			b[0] ^= 1
		}
		return wr.Add(e.ID, e.Kind, b, nil)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := wr.Seal()
	if err == nil {
		object, err = io.ReadAll(sealed.Body())
	}
	if err != nil {
		t.Fatal(err)
	}
	return object, wrong
}

// An object under the name of a pack, sound in itself but for the bytes of one
// chunk, is found out when it is read. Nothing may have become a delta of it by
// then.
func TestNothingIsADeltaOfWrongBytes(t *testing.T) {
	w := storeWith(t, engine.CreateOptions{Packing: engine.Packing{Frame: packfile.DataFrameSize, Level: 1, Deltas: engine.DeltasAll}})
	v1 := files{"f": randomBytes(1, 300_000)}
	v2 := files{"f": strings.ReplaceAll(v1["f"], "\x00", "\x01")}
	w.ingest("a/b@1", v1)
	key := largest(t, w.store)
	before := objects(t, w.store)
	object, wrong := withWrongChunks(t, w.store, key)
	w.ingest("a/b@2", v2)
	w.close()

	// What is a delta already is lost, and the object that it is lost with is named.
	after := objects(t, w.store)
	after[key] = object
	late := openWorld(t, storeOf(t, after), engine.Settings{})
	v, err := late.Version(t.Context(), mustRef(t, "a/b@2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = readFile(t, v, "f"); engine.KindOf(err) != engine.KindCorrupt || !strings.Contains(err.Error(), key) {
		t.Errorf("reading a delta of wrong bytes: %v; want the name of their object, %s", err, key)
	}
	_, err = unpack.Tree(t.Context(), v.Source(), v.Root(), filepath.Join(t.TempDir(), "out"), unpack.Options{})
	if engine.KindOf(err) != engine.KindCorrupt || !strings.Contains(err.Error(), key) {
		t.Errorf("restoring a delta of wrong bytes: %v; want the name of their object, %s", err, key)
	}

	before[key] = object
	broken := openWorld(t, storeOf(t, before), engine.Settings{})
	broken.ingest("a/b@2", v2)
	broken.expect("a/b@2", v2)
	if rawBytes(t, broken.store)[packfile.CodecDelta] == 0 {
		t.Error("nothing is a delta at all")
	}
	eachPack(t, broken.store, func(x *packfile.Index) {
		for i := range x.Frames {
			for _, p := range x.Bases(i) {
				for _, id := range wrong {
					if p == packfile.PrefixOf(id) {
						t.Errorf("frame %d is a delta of chunk %s, whose bytes are wrong", i, id)
					}
				}
			}
		}
	})
}

func TestAnArchivesDirectoryMayHaveAnotherName(t *testing.T) {
	w := newWorld(t)
	v1 := files{"tool-1.0/src/text": prose(1, 3000), "tool-1.0/README": "1.0"}
	v2 := files{"tool-1.1/src/text": reworded(v1["tool-1.0/src/text"], 1), "tool-1.1/README": "1.1"}
	v3 := files{"src/text": reworded(v1["tool-1.0/src/text"], 2)} // without it
	w.ingest("a/b@1.0", v1)
	if res := w.ingest("a/b@1.1", v2); res.StoredBytes > res.NewBytes/5 {
		t.Errorf("%d new bytes take %d", res.NewBytes, res.StoredBytes)
	}
	w.ingest("a/b@1.2", v3)
	w.expect("a/b@1.1", v2)
	w.expect("a/b@1.2", v3)
}

// tarOf is f as an archive.
func tarOf(t *testing.T, f files) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(f)) {
		err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(f[path])), ModTime: testTime})
		if err == nil {
			_, err = io.WriteString(w, f[path])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestATarHasALineageToo(t *testing.T) {
	w := newWorld(t)
	v1 := files{"src/text": prose(1, 3000), "src/long": prose(2, 40_000)}
	v2 := files{"src/text": reworded(v1["src/text"], 1), "src/long": reworded(v1["src/long"], 2)}
	for i, f := range []files{v1, v2} {
		ref := mustRef(t, fmt.Sprintf("a/b@%d", i+1))
		src := source.Tar(bytes.NewReader(tarOf(t, f)), source.Options{})
		res, err := w.Ingest(t.Context(), engine.IngestRequest{Source: src, Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && res.StoredBytes > res.NewBytes/5 {
			t.Errorf("%d new bytes take %d", res.NewBytes, res.StoredBytes)
		}
		w.expect(ref.String(), f)
	}
}

// Text is packed in larger frames than what is read here and there.
func TestTextHasFramesOfItsOwn(t *testing.T) {
	w := newWorld(t)
	v := files{"binary": randomBytes(3, 5<<20)}
	text := 0
	for i := range 300 {
		name := fmt.Sprintf("text%03d", i)
		v[name] = prose(uint64(i), 200)
		text += len(v[name])
	}
	w.ingest("a/b@1", v)
	w.expect("a/b@1", v)
	id, _ := packfile.ParseKey(largest(t, w.store))
	x, err := packfile.ReadIndex(t.Context(), w.store, id, -1)
	if err != nil {
		t.Fatal(err)
	}
	large, inText := 0, 0
	for _, f := range x.Frames {
		if f.Codec == packfile.CodecZstd {
			inText += int(f.Raw)
		}
		if f.Raw > packfile.DataFrameSize {
			large++
		}
	}
	frame := engine.Profiles()[1].Packing.TextFrame
	if want := text / frame; large < want || large > want+1 || inText < text {
		t.Errorf("%d large frames, %d bytes compressed, for %d bytes of text", large, inText, text)
	}
}

func TestDeltasInSmallFrames(t *testing.T) {
	w := storeWith(t, engine.CreateOptions{Packing: engine.Packing{Frame: 16 << 10, Level: 1, Deltas: engine.DeltasAll}})
	v1 := files{"f": prose(1, 5000)}
	v2 := files{"f": reworded(v1["f"], 1)}
	w.ingest("a/b@1", v1)
	w.ingest("a/b@2", v2)
	w.expect("a/b@2", v2)
	w.forget()
	w.expect("a/b@2", v2)
	if _, err := w.Verify(t.Context(), scrub.Options{ReadData: true}, func(p scrub.Problem) { t.Errorf("%+v", p) }); err != nil {
		t.Error(err)
	}
}

// What is lost with a pack is named whether or not data is read, and once.
func TestVerifyNamesVersionsThatLoseTheirBases(t *testing.T) {
	w := newWorld(t)
	v1 := files{"text": prose(1, 3000)}
	v2 := files{"text": reworded(v1["text"], 1)}
	w.ingest("a/b@1", v1)
	first := largest(t, w.store)
	w.ingest("a/b@2", v2)
	w.close()
	gone, flipped := objects(t, w.store), objects(t, w.store)
	delete(gone, first)
	flipped[first] = bytes.Clone(flipped[first])
	flipped[first][packfile.HeaderSize+100] ^= 1
	for name, c := range map[string]struct {
		objects  map[string][]byte
		readData bool
	}{
		"gone":         {gone, false},
		"gone, read":   {gone, true},
		"a flip, read": {flipped, true},
	} {
		broken := &world{t: t, store: storeOf(t, c.objects), dir: w.dir, settings: w.settings}
		broken.open()
		affected, problems := map[string]bool{}, 0
		_, err := broken.Verify(t.Context(), scrub.Options{ReadData: c.readData}, func(p scrub.Problem) {
			if problems++; p.Object != first {
				t.Errorf("%s: a problem of %s: %s", name, p.Object, p.Reason)
			}
			for _, a := range p.Affected {
				affected[fmt.Sprint(a)] = true
			}
		})
		if err != nil || problems != 1 || !affected["{a/b@2 text}"] {
			t.Errorf("%s: %d problems, they affect %v, %v", name, problems, affected, err)
		}
		broken.close()
	}
}

// Data in place of a hole does not have the old chunk list read for each chunk.
func TestLineageInAHole(t *testing.T) {
	w := storeWith(t, engine.CreateOptions{
		Chunker: chunker.Params{Min: 256, Avg: 1 << 10, Max: 4 << 10},
		Packing: engine.Packing{Frame: 256 << 10, Level: 1, Deltas: engine.DeltasAll},
	})
	tail := randomBytes(1, 20<<20) // a list of many pages
	v1 := files{"disk": strings.Repeat("\x00", 4<<20) + tail}
	v2 := files{"disk": randomBytes(2, 4<<20) + reworded(tail, 1)}
	w.ingest("a/b@1", v1)
	n := w.CountLookups()
	w.ingest("a/b@2", v2)
	if n.Load() > 2000 { // each reading of the list takes some hundred
		t.Errorf("the index was asked %d times where chunks are", n.Load())
	}
	w.expect("a/b@2", v2)
}

// Many readers of deltas at once, some of which give up.
func TestBulkReadsOfDeltasAtOnce(t *testing.T) {
	w := storeWith(t, engine.CreateOptions{Packing: engine.Packing{Frame: 64 << 10, Level: 1, TextFrame: 1 << 20, TextLevel: 2, Deltas: engine.DeltasAll}})
	w.close()
	w.settings = engine.Settings{CacheBytes: 1 << 20, PackSize: 2 << 20}
	w.open()
	text := prose(1, 60_000)
	for i := range 3 {
		w.ingest(fmt.Sprintf("a/b@%d", i), files{"f": text, "bin": "\x00" + text})
		text = reworded(text, uint64(i))
	}
	if rawBytes(t, w.store)[packfile.CodecDelta] == 0 {
		t.Fatal("nothing is a delta")
	}
	var g errgroup.Group
	for n := range 6 {
		g.Go(func() error {
			for round := range 3 {
				v, err := w.Version(t.Context(), mustRef(t, fmt.Sprintf("a/b@%d", (n+round)%3)))
				if err != nil {
					return err
				}
				ctx, cancel := context.WithCancel(t.Context())
				if n == 5 {
					time.AfterFunc(time.Duration(1+round)*5*time.Millisecond, cancel) // gives up
				}
				dest := filepath.Join(t.TempDir(), "out")
				_, err = unpack.Tree(ctx, v.Source(), v.Root(), dest, unpack.Options{})
				cancel()
				if err != nil && (n != 5 || !errors.Is(err, context.Canceled)) {
					return fmt.Errorf("reader %d: %w", n, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if held, counted, used := w.SlotsHeld(); held != counted || used > 0 {
		t.Errorf("slots hold %d bytes, %d counted; %d are in use", held, counted, used)
	}
}

// endless is a file that is read until the ingest is given up.
type endless struct {
	files
	text   string
	cancel func()
}

func (s endless) Walk(ctx context.Context, v source.Visitor) error {
	if err := v.Enter(manifest.Entry{Kind: manifest.Dir, Attr: manifest.Attr{Mode: 0o755}}); err != nil {
		return err
	}
	r := io.MultiReader(strings.NewReader(s.text), readFunc(func([]byte) (int, error) {
		time.Sleep(100 * time.Millisecond) // what was read is being stored
		s.cancel()
		return 0, ctx.Err()
	}))
	_, _, err := v.Content("f", r)
	return err
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

func TestAFailedIngestGivesItsBasesBack(t *testing.T) {
	w := newWorld(t)
	text := prose(1, 60_000)
	w.ingest("a/b@1", files{"f": text})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		src := endless{text: reworded(text, 1), cancel: cancel}
		if _, err := w.Ingest(ctx, engine.IngestRequest{Source: src, Ref: mustRef(t, "a/b@2")}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, _, used := w.SlotsHeld(); used > 0 {
			t.Errorf("%d slots are in use by nobody", used)
		}
	}
}

// Nobody can have the owner decode far more than he has stored.
func TestADeltaOfManyFramesIsRefused(t *testing.T) {
	for frames := packfile.BaseFramesMax; frames <= packfile.BaseFramesMax+1; frames++ {
		w := newSharedWorld(t)
		w.ingest("a/b@1", files{"f": randomBytes(1, 2<<20)})
		id, _ := packfile.ParseKey(largest(t, w.store))
		var bases []packfile.Base
		var data []byte
		last := uint32(1 << 31)
		_, err := packfile.Scan(t.Context(), w.store, id, nil, func(e packfile.Entry, b []byte) error {
			if e.Frame != last && len(bases) < frames {
				last = e.Frame
				bases = append(bases, packfile.Base{ID: e.ID, Data: bytes.Clone(b)}) // all of one frame, it says
				data = append(data, b...)
			}
			return nil
		}, nil)
		if err != nil || len(bases) != frames {
			t.Fatal(len(bases), err)
		}
		wr, err := packfile.NewWriter(packfile.WriterOptions{Class: packfile.ClassData})
		if err == nil {
			err = wr.AddDelta(chunker.Sum(data), data, false, bases)
		}
		if err != nil {
			t.Fatal(err)
		}
		if frames > packfile.BaseFramesMax {
			w.refuses(wr)
			continue
		}
		s, err := wr.Seal()
		if err == nil {
			err = w.store.Put(t.Context(), s.Key(), s.Body())
		}
		if err != nil || s.Index.Frames[0].Codec != packfile.CodecDelta {
			t.Fatal(err)
		}
		g := dataplane.Group{Packs: []dataplane.Pack{{ID: s.Index.ID, Size: s.Index.Size}}}
		if _, err := w.plane().Commit(t.Context(), &g); err != nil {
			t.Errorf("a delta of %d frames: %v", frames, err)
		}
	}
}
