package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/artifortress/afs-engine/engine"
)

// How often progress shows.
const (
	barEvery  = 200 * time.Millisecond // on a terminal
	lineEvery = time.Minute            // elsewhere: neither silent nor a flood
	measureAt = time.Second            // what is over by then needs no estimate
)

const barWidth = 16 // columns

// measurer counts ahead what is to be done.
type measurer func(ctx context.Context, add func(files, bytes int64))

// progress shows p on stderr until the function it returns is called.
func (a *app) progress(ctx context.Context, verb string, p *engine.Progress, measure measurer) func() {
	if a.set.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { a.showProgress(ctx, verb, p) })
	if measure != nil {
		group.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(measureAt):
				measure(ctx, func(files, bytes int64) {
					p.TotalFiles.Add(files)
					p.TotalBytes.Add(bytes)
				})
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

func (a *app) showProgress(ctx context.Context, verb string, p *engine.Progress) {
	every := lineEvery
	show := func(s snapshot) { a.complain(slog.LevelInfo, s.line()) }
	if isTerminal(a.stderr) && a.set.logFormat == "text" {
		b := &bar{app: a}
		defer b.clear()
		every, show = barEvery, b.show
	}
	start := a.now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			show(takeSnapshot(verb, p, a.now().Sub(start)))
		}
	}
}

// snapshot is progress at one moment.
type snapshot struct {
	verb                   string
	files, bytes, newBytes int64
	totalFiles, totalBytes int64
	elapsed                time.Duration
}

func takeSnapshot(verb string, p *engine.Progress, elapsed time.Duration) snapshot {
	return snapshot{
		verb:       verb,
		files:      p.Files.Load(),
		bytes:      p.Bytes.Load(),
		newBytes:   p.NewBytes.Load(),
		totalFiles: p.TotalFiles.Load(),
		totalBytes: p.TotalBytes.Load(),
		elapsed:    elapsed,
	}
}

// line is the snapshot in words.
func (s snapshot) line() string {
	done := size(s.bytes)
	if s.totalBytes > 0 {
		done += fmt.Sprintf(" of %s (%d%%)", size(s.totalBytes), s.percent())
	}
	return s.verb + ": " + strings.Join(append([]string{s.counts(), done}, s.speed()...), ", ")
}

// speed is the rate and, where it can be told, the time that is left.
func (s snapshot) speed() []string {
	parts := []string{rate(s.bytes, s.elapsed.Seconds())}
	if left, ok := s.eta(); ok {
		parts = append(parts, span(left.Seconds())+" left")
	}
	return parts
}

// short is the line for beside a bar, which shows the rest; no longer than max.
func (s snapshot) short(max int) string {
	text := []rune(s.verb + ": " + strings.Join(append([]string{s.counts()}, s.speed()...), ", "))
	return string(text[:min(len(text), max)])
}

// counts are files and, where it means something, new and known bytes.
func (s snapshot) counts() string {
	text := files(s.files)
	if s.newBytes > 0 {
		text += fmt.Sprintf(", %s new, %s known", size(s.newBytes), size(s.bytes-s.newBytes))
	}
	return text
}

func (s snapshot) percent() int64 {
	return min(99, 100*s.bytes/max(s.totalBytes, 1))
}

// eta supposes that what is left goes as fast as what is done.
func (s snapshot) eta() (time.Duration, bool) {
	if s.totalBytes <= s.bytes || s.bytes == 0 {
		return 0, false
	}
	return time.Duration(float64(s.elapsed) * float64(s.totalBytes-s.bytes) / float64(s.bytes)), true
}

// bar draws snapshots on a terminal: a spinner while the total is not known.
type bar struct {
	app   *app
	bar   *progressbar.ProgressBar
	known bool
}

func (b *bar) show(s snapshot) {
	if known := s.totalBytes > 0; b.bar == nil || known != b.known {
		b.clear()
		b.known = known
		b.bar = b.start()
	}
	if b.known {
		b.bar.ChangeMax64(max(s.totalBytes, s.bytes) + 1) // never full before the end
	}
	b.bar.Describe(s.short(b.columns() - barWidth - len("  100% || ")))
	// A terminal that cannot be written to is no reason to stop the work.
	_ = b.bar.Set64(s.bytes)
}

func (b *bar) start() *progressbar.ProgressBar {
	total := int64(-1)
	if b.known {
		total = 1
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(b.app.stderr),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetRenderBlankState(false),
		progressbar.OptionClearOnFinish(),
	)
}

// columns is the width of the terminal: a bar that wraps cannot be redrawn.
func (b *bar) columns() int {
	if f, ok := b.app.stderr.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 40 {
			return w
		}
	}
	return 80
}

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // as above
	}
}
