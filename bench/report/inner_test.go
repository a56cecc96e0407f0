package report

import (
	"errors"
	"testing"
)

const innerText = `goos: linux
pkg: a.example/chunker
BenchmarkCut/avx512/data=random/avg=16K-2   	      13	   1000 ns/op	10000.00 MB/s	       0 B/op
BenchmarkCut/jotfs/data=random/avg=16K-2   	      13	   8000 ns/op	1250.00 MB/s	  900 B/op	  4 fish/op
BenchmarkCut/avx512/data=random/avg=16K-2   	      13	   2000 ns/op	5000.00 MB/s	       0 B/op
BenchmarkCut/jotfs/data=random/avg=16K-2   	      13	   16000 ns/op	625.00 MB/s	  900 B/op	  4 fish/op
PASS
ok  	a.example/chunker	1.1s
`

func TestInnerLoopsAreReadAsGoPrintsThem(t *testing.T) {
	in, err := ParseInner(innerText)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.names) != 2 || in.names[1] != "Cut/jotfs/data=random/avg=16K" {
		t.Errorf("names %q", in.names)
	}
	if v, ok := in.median("Cut/jotfs/data=random/avg=16K", "ns/op"); !ok || v != 12000 {
		t.Errorf("median %v, %v", v, ok)
	}
	if _, ok := in.median("Cut/jotfs/data=random/avg=16K", "keys/s"); ok {
		t.Error("a unit that nobody printed")
	}
	for _, text := range []string{"", "PASS", "BenchmarkX-2 1 many ns/op", "BenchmarkX-2 1"} {
		if _, err := ParseInner(text); !errors.Is(err, ErrInner) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseInner(f *testing.F) {
	f.Add(innerText)
	f.Fuzz(func(t *testing.T, text string) {
		if in, err := ParseInner(text); err == nil {
			in.markdown()
		}
	})
}
