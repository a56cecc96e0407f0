package main

import (
	"github.com/artifortress/afs-engine/bench"
	"github.com/artifortress/afs-engine/bench/contender"
	"github.com/artifortress/afs-engine/bench/corpus"
)

type benchListLine struct {
	Kind  string `json:"kind"` // corpus, workload, contender
	Name  string `json:"name"`
	About string `json:"about"`
	Bytes int64  `json:"cache_bytes,omitempty"` // what it takes in the cache, about
}

// benchList lists what a run can be made of.
func (a *app) benchList() error {
	var lines []benchListLine
	for _, s := range append(corpus.All(), corpus.Quick()...) {
		lines = append(lines, benchListLine{"corpus", s.Name, s.About, s.CacheBytes})
	}
	for _, w := range bench.Workloads() {
		lines = append(lines, benchListLine{"workload", w.Name, w.About, 0})
	}
	for _, c := range contender.All() {
		lines = append(lines, benchListLine{"contender", c.Name, c.About, 0})
	}
	t := newTable(a.out, "<<<")
	for _, l := range lines {
		about := l.About
		if l.Bytes > 0 {
			about += " (" + size(l.Bytes) + " in the cache)"
		}
		if a.out.json {
			if err := a.out.emit("bench-list", l); err != nil {
				return err
			}
		} else if err := t.row(l.Kind, l.Name, about); err != nil {
			return err
		}
	}
	return t.flush()
}
