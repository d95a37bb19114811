lb4 21086372 54 0 1
tracing-appende 211440 1 0 0
tokio-rt-worker 92620669 936 5 3
history 6397067 35 0 0
lb4 52137 1 0 0
typed 95668 1 0 0
tokio-rt-worker 9754493 44 0 0
