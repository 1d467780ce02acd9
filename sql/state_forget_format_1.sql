DELETE FROM _lf_state WHERE key='replaying'
