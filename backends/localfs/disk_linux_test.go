package localfs

import "testing"

func TestTheTableOfMountsNamesTheType(t *testing.T) {
	const mounts = `24 31 0:22 / /proc rw,nosuid shared:13 - proc proc rw
31 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
90 31 0:52 / /home/me/far\040away rw,nosuid,nodev - fuse.sshfs host:/srv rw,user_id=1000
short
91 31 0:53 - 
`
	for device, want := range map[string]string{"0:52": "fuse.sshfs", "254:1": "ext4", "0:99": "", "0:53": "", "52": ""} {
		if got := typeOf(device, mounts); got != want {
			t.Errorf("%s is %q, want %q", device, got, want)
		}
	}
}
