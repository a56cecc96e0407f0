// Package bench measures afs-engine beside the tools that people use today: on
// named data, in one run on one machine, losses included.
//
// A run is corpora × workloads × contenders. A [Corpus] is a row of releases of
// one thing, a directory each. A [Contender] is a tool, described by the exact
// commands that a user would type (package contender has one file for each).
// A [Workload] is something to do with both. Each repetition of each workload
// is one [Row] of a [Results] file, which is written after every row, so that
// a run that is stopped keeps what it has measured.
//
// What makes the numbers comparable:
//
//   - A repetition goes over all corpora before the next one begins; in it
//     contenders take turns, in an order that moves on by one with every
//     repetition. A drift of the machine hits them all.
//   - Ratios are taken within a repetition ([PairedRatio]) and come with an
//     interval.
//   - Every contender's bytes are compared with the source's, and a row says
//     so. A row that was not checked does not.
//   - "Cold" means that the kernel's caches were dropped and the file system
//     was mounted afresh. A row that asked for that and could not have it says
//     so.
//   - Load before each row, time stolen by the hypervisor and the spread of a
//     fixed piece of work are recorded, and a noisy machine is called noisy.
//
// The package runs commands and reads files. It knows nothing of the engine:
// afs-engine is a contender like the others. All of a run's files stand in a
// directory of its own below [Options.Work], which is gone at the end.
package bench
