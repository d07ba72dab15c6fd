import contextlib, sys, subprocess, os, lab
program=sys.argv[1]
with contextlib.ExitStack() as stack:
    ways=[lab.Way(10),lab.Way(11,1300,1300),lab.Way(12,1400,0)]
    l=lab.Lab(stack,program,ways,silent=True)
    l.narrow_far(1300)
    for words in eval(sys.argv[2]) if len(sys.argv)>2 else []:
        print(words, flush=True)
        subprocess.run([program,"check","--ca",l.pki.path("ca.pem"),*words])
    if len(sys.argv)<=2: subprocess.run(["bash"])
