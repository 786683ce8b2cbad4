/* clang-format off */
/* A network of five epoch blocks, one of each kind, in the form in which ST Edge AI Core writes them. It runs on the
 * stand-in of the runtime only: its software block turns the first 32 bytes of the input into floats.
 *
 * GIT_DESCRIPTION "atonn-v1.1.3-0-stand-in"
 */
#include "ll_aton_NN_interface.h"

/* global pool 1 is 2.00 KB */
/* index=1 file postfix=xSPI2 name=octoFlash offset=0x70380000  absolute_mode size=65536 READ_ONLY */
/* global pool 0 is 448.00 B */
/* index=0 file postfix=AXISRAM5 name=npuRAM5 offset=0x342e0000  absolute_mode size=458752 READ_WRITE */

static unsigned char input[192];
static float output[32];

static void LL_ATON_End_EpochBlock_4(const void *epoch_block)
{
  (void)epoch_block;
  /* kind=DequantizeLinear node=Dequantize_4 */
  for (unsigned i = 0; i < 32; i++)
    output[i] = (float)input[i] * 0.5f;
}

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_tiny(uint32_t num, void* buffer, uint32_t size)
{
  (void)num;
  (void)buffer;
  (void)size;
  return LL_ATON_User_IO_WRONG_INDEX;
}

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_tiny(uint32_t num, void* buffer, uint32_t size)
{
  (void)num;
  (void)buffer;
  (void)size;
  return LL_ATON_User_IO_WRONG_INDEX;
}

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_tiny(void) {

  static const EpochBlock_ItemTypeDef ll_atonn_rt_epoch_block_array[] = {
    {
      .blob_address = 1,
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_epoch_end | EpochBlock_Flags_blob | EpochBlock_Flags_pure_hw,
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = 1,
      .last_epoch_num = 3,
      .estimated_npu_cycles = 300,
      .estimated_tot_cycles = 330,
#endif
    },
    {
      .start_epoch_block = NULL,
      .end_epoch_block = LL_ATON_End_EpochBlock_4,
      .wait_mask = 0x00000000,
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_epoch_end | EpochBlock_Flags_pure_sw,
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = 4,
      .last_epoch_num = 4,
#endif
    },
    {
      .wait_mask = 0x00000000,
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_epoch_end | EpochBlock_Flags_hybrid,
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = 5,
      .last_epoch_num = 5,
#endif
    },
    {
      .wait_mask = 0x00000040,
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_epoch_end | EpochBlock_Flags_pure_hw,
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = 6,
      .last_epoch_num = 6,
#endif
    },
    {
      .blob_address = 2,
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_epoch_end | EpochBlock_Flags_blob | EpochBlock_Flags_pure_hw,
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = 7,
      .last_epoch_num = 8,
#endif
    },
    {
      .flags = EpochBlock_Flags_last_eb,
    },
  };

  return ll_atonn_rt_epoch_block_array;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_tiny(void)
{
  static const uint32_t buff_info__mem_shape_F_1_8_8_3[] = { 1, 8, 8, 3 };
  static const float buff_info_Input_0_quant_scale[] = { 0.5 };
  static const int16_t buff_info_Input_0_quant_offset[] = { 0 };
  static const LL_Buffer_InfoTypeDef buff_info[] = {
    {
      .name = "Input_0_out_0",
      .addr_base = {input},
      .offset_start = 0,
      .offset_end = 192,
      .offset_limit = 256,
      .is_user_allocated = 0,
      .is_param = 0,
      .mem_shape = buff_info__mem_shape_F_1_8_8_3,
      .mem_ndims = 4,
      .chpos = CHPos_First,
      .type = DataType_UINT8,
      .nbits = 8,
      .per_channel = 0,
      .scale = buff_info_Input_0_quant_scale,
      .offset = buff_info_Input_0_quant_offset,
    },
    {
      .name = NULL,
    }
  };

  return buff_info;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_tiny(void)
{
  static const uint32_t buff_info__mem_shape_F_1_4_4_2[] = { 1, 4, 4, 2 };
  static const LL_Buffer_InfoTypeDef buff_info[] = {
    {
      .name = "Dequantize_4_out_0",
      .addr_base = {(unsigned char *)output},
      .offset_start = 0,
      .offset_end = 128,
      .offset_limit = 192,
      .is_user_allocated = 0,
      .is_param = 0,
      .mem_shape = buff_info__mem_shape_F_1_4_4_2,
      .mem_ndims = 4,
      .chpos = CHPos_First,
      .type = DataType_FLOAT,
      .nbits = 32,
    },
    {
      .name = NULL,
    }
  };

  return buff_info;
}
