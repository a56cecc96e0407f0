package commitlog_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/engine/commitlog"
)

// Two writers know the same end of the log. The one that appends first has it;
// the other one must read on before it may try again.
func Example() {
	ctx := context.Background()
	store := mem.New()
	alice := commitlog.New(store, commitlog.Position{}, commitlog.WriterID{'a'}, time.Now)
	bob := commitlog.New(store, commitlog.Position{}, commitlog.WriterID{'b'}, time.Now)

	record := func(text string) []commitlog.Record {
		return []commitlog.Record{{Kind: commitlog.KindTag, Body: commitlog.AppendField(nil, 1, text)}}
	}
	if _, err := alice.Append(ctx, time.Now(), record("from alice")); err != nil {
		log.Fatal(err)
	}
	_, err := bob.Append(ctx, time.Now(), record("from bob"))
	fmt.Println("fenced:", errors.Is(err, commitlog.ErrFenced))

	end, err := commitlog.Replay(ctx, store, commitlog.Position{}, func(*commitlog.Group, commitlog.Position) error { return nil })
	if err != nil {
		log.Fatal(err)
	}
	bob = commitlog.New(store, end, commitlog.WriterID{'b'}, time.Now)
	g, err := bob.Append(ctx, time.Now(), record("from bob"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("group %d, epoch %d, %d records\n", g.Sequence, g.Epoch, len(g.Records))
	// Output:
	// fenced: true
	// group 2, epoch 2, 2 records
}
