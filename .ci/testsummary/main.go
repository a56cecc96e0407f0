// Command testsummary reads `go test -json` from standard input, shows the
// packages as they finish and the output of tests that fail, and ends with the
// skipped tests and a count. It exits 1 if anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

func main() {
	output := map[string][]string{}
	var skips []string
	passed, failed := 0, 0
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				os.Stdout.Write(line) // what the go command says outside of tests
			}
			key := e.Package + " " + e.Test
			switch {
			case e.Action == "output" || e.Action == "build-output":
				if e.ImportPath != "" {
					fmt.Print(e.Output)
				}
				output[key] = append(output[key], e.Output)
			case e.Test == "" && e.Action == "fail":
				fmt.Print(strings.Join(output[key], ""))
				failed++
			case e.Test == "" && (e.Action == "pass" || e.Action == "skip"):
				if e.Action == "pass" {
					fmt.Printf("ok  \t%s\t%.1fs\n", e.Package, e.Elapsed)
				}
			case e.Action == "fail":
				fmt.Print(strings.Join(output[key], ""))
				failed++
			case e.Action == "skip":
				skips = append(skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(output[key])))
			case e.Action == "pass":
				passed++
			}
			if e.Action == "pass" || e.Action == "skip" {
				delete(output, key)
			}
		}
		if err != nil {
			break
		}
	}
	fmt.Printf("\nskipped: %d\n", len(skips))
	for _, s := range skips {
		fmt.Println("  " + s)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, len(skips))
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// reason is what the test said when it skipped.
func reason(lines []string) string {
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "---") {
			return l
		}
	}
	return "no reason given"
}
