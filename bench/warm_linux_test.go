package bench

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Some tools put out of the page cache what they have read, or what they have
// written. Nobody has to pay for that, neither who comes next nor they.
func TestWhatIsReadIsInThePageCache(t *testing.T) {
	tool, err := exec.LookPath("fincore")
	if err != nil {
		t.Skip("fincore, of util-linux, is not installed")
	}
	const drop = "dd of=%s oflag=nocache conv=notrunc,fdatasync count=0 status=none"
	dropped := func(file string) string { return strings.Replace(drop, "%s", file, 1) }
	probe := tree(t, map[string]string{"a": strings.Repeat("x", 1<<16)})
	file := filepath.Join(probe, "a")
	out, err := exec.Command("sh", "-c", dropped(file)+" && "+tool+" -n -b -o RES "+file).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "0" {
		t.Skipf("nothing leaves the page cache of this file system: %s, %v", out, err)
	}

	forgetful := copier("forgetful")
	resident := "[ $(" + tool + " -n -b -o RES %s) != 0 ]"
	is := func(file string) string { return strings.Replace(resident, "%s", file, 1) }
	forgetful.Ingest = is("{src}/a") + " && " + forgetful.Ingest + " && " + dropped("{src}/a") + " && " + dropped("{store}/{release}/a")
	forgetful.Restore = is("{store}/{release}/a") + " && " + forgetful.Restore
	res, err := runOn(t, context.Background(), Options{Reps: 2, Contenders: []Contender{forgetful}, Tmpfs: t.TempDir()})
	check(t, err)
	for _, r := range res.Rows {
		if r.Status == Failed {
			t.Errorf("%s: %s", r.Workload, r.Note)
		}
	}
	if len(find(res, "forgetful", RestoreDisk)) != 2 {
		t.Error("nothing was restored")
	}
}
