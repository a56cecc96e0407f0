// Package engine is afs-engine as a library: a store of deduplicated artifacts
// with a registry of published versions on top.
//
// Create makes a store in any backends.Store; Open opens it; Ingest takes a
// source.Source in and publishes it under a registry.Ref; Version gives a
// published version back, as manifest entries or as an fs.FS. The interface
// Engine is what programs should ask for: another process may stand behind it.
//
// What holds at any time:
//
//   - Durable before visible: packs are in the store before the log record that
//     names them, the record before the call returns.
//   - A published version never changes, and nothing partial is published.
//   - The commit log is the truth and the index its projection: with the index
//     lost, Open brings back everything that was acknowledged.
//   - Bytes from the store are checked against their ids before they are seen.
//   - Memory is bounded, whatever the size of files, trees and histories.
//
// Errors are those of the packages below, wrapped; KindOf sorts them by what a
// caller can do, HintOf says it.
package engine
